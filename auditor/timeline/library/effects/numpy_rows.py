"""The functions of numpy, by what they do. Made from dir() of numpy 2 and judged by hand."""

from __future__ import annotations

from auditor.timeline.library.effects.effect import Effect, rows, table

PURE, VIEW, SHAPE, FRESH, RANDOM = Effect.PURE, Effect.VIEW, Effect.SHAPE, Effect.FRESH, Effect.RANDOM
IN_PLACE, MAKES, CONTEXT, STATE = Effect.IN_PLACE, Effect.MAKES, Effect.CONTEXT, Effect.STATE
READS, WRITES, TOLD = Effect.READS, Effect.WRITES, Effect.TOLD

NUMPY = table(
    rows(
        PURE,
        "numpy",
        """
        abs absolute acos acosh add all allclose amax amin angle any append arccos arccosh arcsin arcsinh arctan
        arctan2 arctanh argmax argmin argpartition argsort argwhere around array array2string array_equal
        array_equiv array_repr array_str asarray_chkfinite asin asinh astype atan atan2 atanh average base_repr
        binary_repr bincount bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or
        bitwise_right_shift bitwise_xor block bmat bool bool_ broadcast busday_offset byte bytes_ cbrt cdouble ceil
        choose clip clongdouble column_stack complex128 complex256 complex64 compress concat concatenate conj
        conjugate convolve copy copysign corrcoef correlate cos cosh count_nonzero cov cross csingle cumprod cumsum
        cumulative_prod cumulative_sum datetime64 datetime_as_string datetime_data deg2rad degrees delete diag
        diag_indices_from diagflat diff digitize divide divmod dot double dstack ediff1d einsum einsum_path equal
        exp exp2 expm1 extract fabs fix flatiter flatnonzero float128 float16 float32 float64 float_power floor
        floor_divide fmax fmin fmod format_float_positional format_float_scientific frexp fromiter fromstring gcd
        gradient greater greater_equal half heaviside histogram histogram2d histogram_bin_edges histogramdd hstack
        hypot i0 inner insert int16 int32 int64 int8 int_ intc integer interp intersect1d intp invert is_busday
        isclose iscomplex isfinite isin isinf isnan isnat isneginf isposinf isreal ix_ kron lcm ldexp left_shift
        less less_equal lexsort log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or
        logical_xor long longdouble longlong matmul matrix matvec max maximum mean median meshgrid min minimum mod
        modf multiply nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin
        nanpercentile nanprod nanquantile nanstd nansum nanvar ndarray ndenumerate nditer negative nested_iters
        nextafter nonzero not_equal object_ outer packbits pad partition percentile poly poly1d polyadd polyder
        polydiv polyfit polyint polymul polysub polyval positive pow power prod ptp quantile rad2deg radians
        ravel_multi_index real_if_close reciprocal remainder repeat resize right_shift rint roll roots round
        row_stack searchsorted select setdiff1d setxor1d short sign signbit sin sinc single sinh sort sort_complex
        spacing sqrt square stack std str_ subtract sum take take_along_axis tan tanh tensordot tile timedelta64
        trace trapezoid tril tril_indices_from trim_zeros triu triu_indices_from true_divide trunc ubyte ufunc uint
        uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong union1d unique unique_all unique_counts
        unique_inverse unique_values unpackbits unravel_index unwrap ushort vander var vdot vecdot vecmat void
        vstack where
        """,
    ),
    rows(
        VIEW,
        "numpy",
        """
        asarray ascontiguousarray asfortranarray asanyarray asmatrix reshape ravel squeeze expand_dims transpose
        swapaxes moveaxis rollaxis permute_dims matrix_transpose atleast_1d atleast_2d atleast_3d broadcast_to
        broadcast_arrays split array_split hsplit vsplit dsplit unstack diagonal real imag frombuffer from_dlpack
        flip fliplr flipud rot90 require
        """,
    ),
    rows(
        SHAPE,
        "numpy",
        """
        can_cast ndim shape size isscalar issubdtype iterable result_type promote_types common_type min_scalar_type
        mintypecode broadcast_shapes shares_memory may_share_memory isfortran iscomplexobj isrealobj get_include
        get_printoptions getbufsize geterr geterrcall finfo iinfo dtype typename isdtype show_config show_runtime
        info busday_count
        """,
    ),
    rows(
        FRESH,
        "numpy",
        """
        zeros zeros_like ones ones_like empty empty_like full full_like eye identity arange linspace logspace
        geomspace tri tril_indices triu_indices diag_indices indices ndindex mask_indices bartlett blackman hamming
        hanning kaiser
        """,
    ),
    rows(
        READS,
        "numpy",
        """
        fromfile memmap load loadtxt genfromtxt fromregex
        """,
    ),
    rows(
        WRITES,
        "numpy",
        """
        save savez savez_compressed savetxt
        """,
    ),
    rows(
        IN_PLACE,
        "numpy",
        """
        copyto fill_diagonal place put put_along_axis putmask
        """,
    ),
    rows(
        STATE,
        "numpy",
        """
        seterr seterrcall setbufsize set_printoptions
        """,
    ),
    rows(
        CONTEXT,
        "numpy",
        """
        errstate printoptions
        """,
    ),
    rows(
        PURE,
        "numpy.linalg",
        """
        cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matmul matrix_norm matrix_power
        matrix_rank matrix_transpose multi_dot norm outer pinv qr slogdet solve svd svdvals tensordot tensorinv
        tensorsolve trace vecdot vector_norm
        """,
    ),
    rows(
        PURE,
        "numpy.fft",
        """
        fft fft2 fftfreq fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftfreq
        rfftn
        """,
    ),
    rows(
        STATE,
        "numpy.random",
        """
        seed set_bit_generator set_state
        """,
    ),
    rows(
        IN_PLACE,
        "numpy.random",
        """
        shuffle
        """,
    ),
    rows(
        RANDOM,
        "numpy.random",
        """
        BitGenerator Generator MT19937 PCG64 PCG64DXSM Philox RandomState SFC64 SeedSequence beta binomial bytes
        chisquare choice default_rng dirichlet exponential f gamma geometric get_bit_generator get_state gumbel
        hypergeometric laplace logistic lognormal logseries multinomial multivariate_normal negative_binomial
        noncentral_chisquare noncentral_f normal pareto permutation poisson power rand randint randn random
        random_integers random_sample ranf rayleigh sample standard_cauchy standard_exponential standard_gamma
        standard_normal standard_t triangular uniform vonmises wald weibull zipf
        """,
    ),
    rows(
        PURE,
        "numpy.char",
        """
        add array asarray capitalize center chararray compare_chararrays count decode encode endswith equal
        expandtabs find greater greater_equal index isalnum isalpha isdecimal isdigit islower isnumeric isspace
        istitle isupper join less less_equal ljust lower lstrip mod multiply not_equal partition replace rfind
        rindex rjust rpartition rsplit rstrip split splitlines startswith str_len strip swapcase title translate
        upper zfill
        """,
    ),
    rows(
        VIEW,
        "numpy.lib.stride_tricks",
        """
        as_strided sliding_window_view broadcast_to
        """,
    ),
    rows(
        READS,
        "numpy.lib.format",
        """
        open_memmap read_array read_magic
        """,
    ),
)
