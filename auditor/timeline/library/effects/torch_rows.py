"""The functions of torch, by what they do. Made from dir() of torch 2.13 and judged by hand."""

from __future__ import annotations

from auditor.timeline.library.effects.effect import Effect, rows, table

PURE, VIEW, SHAPE, FRESH, RANDOM = Effect.PURE, Effect.VIEW, Effect.SHAPE, Effect.FRESH, Effect.RANDOM
IN_PLACE, MAKES, CONTEXT, STATE = Effect.IN_PLACE, Effect.MAKES, Effect.CONTEXT, Effect.STATE
READS, WRITES, TOLD = Effect.READS, Effect.WRITES, Effect.TOLD

TORCH = table(
    rows(
        PURE,
        "torch",
        """
        tensor abs absolute acos acosh adaptive_avg_pool1d adaptive_max_pool1d add addbmm addcdiv addcmul addmm
        addmv addr affine_grid_generator alias_copy all allclose alpha_dropout amax amin aminmax angle any arccos
        arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort argwhere as_strided_copy
        as_strided_scatter asin asinh atan atan2 atanh avg_pool1d baddbmm batch_norm bilinear
        binary_cross_entropy_with_logits bincount bitwise_and bitwise_left_shift bitwise_not bitwise_or
        bitwise_right_shift bitwise_xor block_diag bmm bucketize cartesian_prod cat ccol_indices_copy cdist ceil
        celu chain_matmul channel_shuffle cholesky cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip
        clone col_indices_copy column_stack combinations complex concat concatenate conj_physical constant_pad_nd
        conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution copysign
        corrcoef cos cosh cosine_embedding_loss cosine_similarity count_nonzero cov cross crow_indices_copy ctc_loss
        cummax cummin cumprod cumsum cumulative_trapezoid deg2rad dequantize det detach_copy diag diag_embed
        diagflat diagonal_copy diagonal_scatter diff digamma dist div divide dot dropout dsmm dstack eig einsum
        embedding embedding_bag empty_quantized eq equal erf erfc erfinv exp exp2 expm1 feature_alpha_dropout
        feature_dropout fill fix flip fliplr flipud float_power floor floor_divide fmax fmin fmod frac frexp
        frobenius_norm from_dlpack gather gcd ge geqrf ger gradient greater greater_equal grid_sampler
        grid_sampler_2d grid_sampler_3d group_norm gru gru_cell gt hardshrink hash_tensor heaviside
        hinge_embedding_loss histc histogram histogramdd hsmm hspmm hstack hypot i0 igamma igammac index_add
        index_copy index_fill index_put index_reduce index_select indices_copy inner instance_norm int_repr inverse
        isclose isfinite isin isinf isnan isneginf isposinf isreal istft kl_div kron kthvalue layer_norm lcm ldexp
        le lerp less less_equal lgamma lobpcg log log10 log1p log2 log_softmax logaddexp logaddexp2 logcumsumexp
        logdet logical_and logical_not logical_or logical_xor logit logsumexp lstm lstm_cell lstsq lt lu lu_solve
        lu_unpack margin_ranking_loss masked_fill masked_scatter masked_select matmul matrix_exp matrix_power
        matrix_rank max max_pool1d max_pool1d_with_indices max_pool2d max_pool3d maximum mean median meshgrid min
        minimum mm mode msort mul multiply mv mvlgamma nan_to_num nanmean nanmedian nanquantile nansum narrow_copy
        native_channel_shuffle native_dropout native_group_norm native_layer_norm native_norm ne neg negative
        nextafter nonzero nonzero_static norm norm_except_dim not_equal nuclear_norm orgqr ormqr outer
        pairwise_distance pca_lowrank pdist permute_copy pinverse pixel_shuffle pixel_unshuffle poisson_nll_loss
        polar polygamma positive pow prelu prod put q_per_channel_axis q_per_channel_scales
        q_per_channel_zero_points q_scale q_zero_point qr quantile quantize_per_channel quantize_per_tensor
        quantize_per_tensor_dynamic rad2deg reciprocal relu remainder renorm repeat_interleave rms_norm rnn_relu
        rnn_relu_cell rnn_tanh rnn_tanh_cell roll rot90 round row_indices_copy row_stack rrelu rsqrt rsub saddmm
        scalar_tensor scatter scatter_add scatter_reduce searchsorted segment_reduce select_copy select_scatter selu
        sgn sigmoid sign signbit sin sinc sinh slice_copy slice_inverse slice_scatter slogdet smm softmax solve sort
        sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor
        sparse_csr_tensor split_copy split_with_sizes_copy spmm sqrt square squeeze_copy sspaddmm stack std std_mean
        stft sub subtract sum svd svd_lowrank symeig t_copy take take_along_dim tan tanh tensordot threshold tile
        to_dlpack topk trace transpose_copy trapezoid trapz triangular_solve tril triplet_margin_loss triu
        true_divide trunc unbind_copy unfold_copy unique unique_consecutive unravel_index unsqueeze_copy values_copy
        vander var var_mean vdot view_as_complex_copy view_as_real_copy view_copy vstack where xlogy
        """,
    ),
    rows(
        VIEW,
        "torch",
        """
        view_as_real view_as_complex real imag t transpose permute movedim moveaxis swapaxes swapdims squeeze
        unsqueeze reshape flatten ravel unflatten detach as_strided diagonal narrow select split split_with_sizes
        chunk tensor_split hsplit vsplit dsplit unbind expand_copy broadcast_to broadcast_tensors atleast_1d
        atleast_2d atleast_3d as_tensor asarray from_numpy frombuffer adjoint conj resolve_conj resolve_neg
        unsafe_chunk unsafe_split unsafe_split_with_sizes
        """,
    ),
    rows(
        SHAPE,
        "torch",
        """
        numel is_tensor is_storage is_complex is_floating_point is_nonzero is_same_size is_signed is_conj is_neg
        is_inference is_distributed typename get_device broadcast_shapes can_cast result_type promote_types
        are_deterministic_algorithms_enabled is_deterministic_algorithms_warn_only_enabled is_grad_enabled
        is_inference_mode_enabled is_anomaly_enabled is_anomaly_check_nan_enabled get_default_device
        get_default_dtype get_deterministic_debug_mode get_float32_matmul_precision get_num_interop_threads
        get_num_threads get_rng_state initial_seed finfo iinfo device dtype Size Generator
        """,
    ),
    rows(
        FRESH,
        "torch",
        """
        zeros zeros_like ones ones_like empty empty_like empty_permuted empty_strided full full_like eye arange
        range linspace logspace tril_indices triu_indices bartlett_window blackman_window hamming_window hann_window
        kaiser_window
        """,
    ),
    rows(
        RANDOM,
        "torch",
        """
        rand rand_like randn randn_like randint randint_like randperm bernoulli multinomial normal poisson binomial
        """,
    ),
    rows(
        STATE,
        "torch",
        """
        set_anomaly_enabled set_default_device set_default_dtype set_default_tensor_type
        set_deterministic_debug_mode set_float32_matmul_precision set_flush_denormal set_num_interop_threads
        set_num_threads set_printoptions set_rng_state set_warn_always manual_seed seed use_deterministic_algorithms
        set_grad_enabled clear_autocast_cache
        """,
    ),
    rows(
        IN_PLACE,
        "torch",
        """
        abs_ acos_ acosh_ addmv_ alpha_dropout_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_
        asinh_ atan_ atanh_ ceil_ celu_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_
        detach_ dropout_ erf_ erfc_ exp2_ exp_ expm1_ feature_alpha_dropout_ feature_dropout_ fill_ fix_ floor_
        frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_
        reciprocal_ relu_ resize_as_ resize_as_sparse_ round_ rrelu_ rsqrt_ selu_ sigmoid_ sin_ sinc_ sinh_ sqrt_
        square_ tan_ tanh_ threshold_ trunc_ xlogy_ zero_
        """,
    ),
    rows(
        PURE,
        "torch.nn.functional",
        """
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
        adaptive_max_pool1d_with_indices adaptive_max_pool2d adaptive_max_pool2d_with_indices adaptive_max_pool3d
        adaptive_max_pool3d_with_indices affine_grid alpha_dropout avg_pool1d avg_pool2d avg_pool3d bilinear
        binary_cross_entropy binary_cross_entropy_with_logits celu channel_shuffle conv1d conv2d conv3d conv_tbc
        conv_transpose1d conv_transpose2d conv_transpose3d cosine_embedding_loss cosine_similarity cross_entropy
        ctc_loss dropout dropout1d dropout2d dropout3d elu embedding embedding_bag feature_alpha_dropout fold
        fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d
        fractional_max_pool3d_with_indices gaussian_nll_loss gelu glu grid_sample group_norm grouped_mm
        gumbel_softmax hardshrink hardsigmoid hardswish hardtanh hinge_embedding_loss huber_loss instance_norm
        interpolate kl_div l1_loss layer_norm leaky_relu linear linear_cross_entropy local_response_norm log_softmax
        logsigmoid lp_pool1d lp_pool2d lp_pool3d margin_ranking_loss max_pool1d max_pool1d_with_indices max_pool2d
        max_pool2d_with_indices max_pool3d max_pool3d_with_indices max_unpool1d max_unpool2d max_unpool3d mish
        mse_loss multi_head_attention_forward multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss
        native_channel_shuffle nll_loss normalize one_hot pad pairwise_distance pdist pixel_shuffle pixel_unshuffle
        poisson_nll_loss prelu relu relu6 rms_norm rrelu scaled_dot_product_attention scaled_grouped_mm scaled_mm
        selu sigmoid silu smooth_l1_loss soft_margin_loss softmax softmin softplus softshrink softsign tanh
        tanhshrink threshold triplet_margin_loss unfold upsample upsample_bilinear upsample_nearest
        """,
    ),
    rows(
        IN_PLACE,
        "torch.nn.functional",
        """
        celu_ elu_ hardtanh_ leaky_relu_ relu_ rrelu_ selu_ threshold_
        """,
    ),
    rows(
        PURE,
        "torch.linalg",
        """
        cholesky cholesky_ex cond cross det diagonal eig eigh eigvals eigvalsh householder_product inv inv_ex
        ldl_factor ldl_factor_ex ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matmul matrix_exp matrix_norm
        matrix_power matrix_rank multi_dot norm pinv qr slogdet solve solve_ex solve_triangular svd svdvals
        tensorinv tensorsolve vander vecdot vector_norm
        """,
    ),
    rows(
        PURE,
        "torch.special",
        """
        airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u
        chebyshev_polynomial_v chebyshev_polynomial_w digamma entr erf erfc erfcx erfinv exp2 expit expm1 gammainc
        gammaincc gammaln hermite_polynomial_h hermite_polynomial_he i0 i0e i1 i1e laguerre_polynomial_l
        legendre_polynomial_p log1p log_ndtr log_softmax logit logsumexp modified_bessel_i0 modified_bessel_i1
        modified_bessel_k0 modified_bessel_k1 multigammaln ndtr ndtri polygamma psi round scaled_modified_bessel_k0
        scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u
        shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w sinc softmax spherical_bessel_j0 xlog1py xlogy
        zeta
        """,
    ),
    rows(
        PURE,
        "torch.fft",
        """
        fft fft2 fftfreq fftn fftshift hfft hfft2 hfftn ifft ifft2 ifftn ifftshift ihfft ihfft2 ihfftn irfft irfft2
        irfftn rfft rfft2 rfftfreq rfftn
        """,
    ),
    rows(
        MAKES,
        "torch.nn",
        """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool1d
        AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss
        BatchNorm1d BatchNorm2d BatchNorm3d Bilinear CELU CTCLoss ChannelShuffle CircularPad1d CircularPad2d
        CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d Container Conv1d Conv2d Conv3d ConvTranspose1d
        ConvTranspose2d ConvTranspose3d CosineEmbeddingLoss CosineSimilarity CrossEntropyLoss CrossMapLRN2d Dropout
        Dropout1d Dropout2d Dropout3d ELU Embedding EmbeddingBag FeatureAlphaDropout Flatten Fold
        FractionalMaxPool2d FractionalMaxPool3d GELU GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink
        Hardsigmoid Hardswish Hardtanh HingeEmbeddingLoss HuberLoss Identity InstanceNorm1d InstanceNorm2d
        InstanceNorm3d KLDivLoss L1Loss LPPool1d LPPool2d LPPool3d LSTM LSTMCell LayerNorm LazyBatchNorm1d
        LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d
        LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear LeakyReLU Linear
        LinearCrossEntropyLoss LocalResponseNorm LogSigmoid LogSoftmax MSELoss MarginRankingLoss MaxPool1d MaxPool2d
        MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish ModuleDict ModuleList MultiLabelMarginLoss
        MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss NLLLoss2d PReLU PairwiseDistance
        ParameterDict ParameterList PixelShuffle PixelUnshuffle PoissonNLLLoss RMSNorm RNN RNNBase RNNCell
        RNNCellBase RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d
        ReplicationPad2d ReplicationPad3d SELU Sequential SiLU Sigmoid SmoothL1Loss SoftMarginLoss Softmax Softmax2d
        Softmin Softplus Softshrink Softsign SyncBatchNorm Tanh Tanhshrink Threshold Transformer TransformerDecoder
        TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer TripletMarginLoss
        TripletMarginWithDistanceLoss Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d
        ZeroPad2d ZeroPad3d
        """,
    ),
    rows(
        IN_PLACE,
        "torch.nn.init",
        """
        constant_ dirac_ eye_ kaiming_normal_ kaiming_uniform_ normal_ ones_ orthogonal_ sparse_ trunc_normal_
        uniform_ xavier_normal_ xavier_uniform_ zeros_
        """,
    ),
    rows(
        SHAPE,
        "torch.nn.init",
        """
        calculate_gain
        """,
    ),
    rows(
        IN_PLACE,
        "torch.nn.utils",
        """
        clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_ vector_to_parameters
        """,
    ),
    rows(
        PURE,
        "torch.nn.utils",
        """
        get_total_norm parameters_to_vector
        """,
    ),
    rows(
        PURE,
        "torch.nn.utils.rnn",
        """
        pad_sequence pack_padded_sequence pad_packed_sequence pack_sequence unpad_sequence
        """,
    ),
    rows(
        PURE,
        "torch",
        """
        _foreach_abs _foreach_acos _foreach_add _foreach_addcdiv _foreach_addcmul _foreach_asin _foreach_atan
        _foreach_ceil _foreach_clamp_max _foreach_clamp_min _foreach_clone _foreach_cos _foreach_cosh _foreach_div
        _foreach_erf _foreach_erfc _foreach_exp _foreach_expm1 _foreach_floor _foreach_frac _foreach_lerp
        _foreach_lgamma _foreach_log _foreach_log10 _foreach_log1p _foreach_log2 _foreach_max _foreach_maximum
        _foreach_minimum _foreach_mm _foreach_mul _foreach_neg _foreach_norm _foreach_pow _foreach_powsum
        _foreach_reciprocal _foreach_round _foreach_rsqrt _foreach_sigmoid _foreach_sign _foreach_sin _foreach_sinh
        _foreach_sqrt _foreach_sub _foreach_tan _foreach_tanh _foreach_trunc
        """,
    ),
    rows(
        IN_PLACE,
        "torch",
        """
        _foreach_abs_ _foreach_acos_ _foreach_add_ _foreach_addcdiv_ _foreach_addcmul_ _foreach_asin_ _foreach_atan_
        _foreach_ceil_ _foreach_clamp_max_ _foreach_clamp_min_ _foreach_copy_ _foreach_cos_ _foreach_cosh_
        _foreach_div_ _foreach_erf_ _foreach_erfc_ _foreach_exp_ _foreach_expm1_ _foreach_floor_ _foreach_frac_
        _foreach_lerp_ _foreach_lgamma_ _foreach_log10_ _foreach_log1p_ _foreach_log2_ _foreach_log_
        _foreach_maximum_ _foreach_minimum_ _foreach_mul_ _foreach_neg_ _foreach_pow_ _foreach_reciprocal_
        _foreach_round_ _foreach_rsqrt_ _foreach_sigmoid_ _foreach_sign_ _foreach_sin_ _foreach_sinh_ _foreach_sqrt_
        _foreach_sub_ _foreach_tan_ _foreach_tanh_ _foreach_trunc_ _foreach_zero_
        """,
    ),
    rows(VIEW, "torch", "tensor_split"),
    rows(PURE, "torch.nested", "nested_tensor nested_tensor_from_jagged as_nested_tensor to_padded_tensor"),
    rows(MAKES, "torch.nn", "Buffer UninitializedParameter Module"),
    rows(MAKES, "torch.utils.data", "DataLoader Dataset IterableDataset TensorDataset Subset ConcatDataset Sampler"),
    rows(MAKES, "torch.utils.data", "RandomSampler SequentialSampler BatchSampler"),
    rows(MAKES, "torch.utils.data.distributed", "DistributedSampler"),
    rows(SHAPE, "torch.utils.data", "get_worker_info"),
    rows(READS, "torch", "load"),
    rows(READS, "torch.UntypedStorage", "from_file"),
    rows(WRITES, "torch", "save"),
    rows(MAKES, "torch", "Generator UntypedStorage"),
    rows(SHAPE, "torch", "version __version__ Size"),
    rows(CONTEXT, "torch", "no_grad enable_grad inference_mode autocast device Stream Event"),
    rows(CONTEXT, "torch.amp", "autocast custom_fwd custom_bwd"),
    rows(CONTEXT, "torch.cpu.amp", "autocast"),
    rows(MAKES, "torch.amp", "GradScaler"),
    rows(CONTEXT, "torch.nn.attention", "sdpa_kernel"),
    rows(CONTEXT, "torch.autograd", "no_grad set_grad_enabled detect_anomaly set_detect_anomaly"),
    rows(CONTEXT, "torch.autograd.graph", "save_on_cpu"),
    rows(CONTEXT, "torch.random", "fork_rng"),
    rows(STATE, "torch.random", "manual_seed seed set_rng_state"),
    rows(SHAPE, "torch.random", "get_rng_state initial_seed"),
    rows(PURE, "torch", "_scaled_mm _int_mm _weight_norm _softmax _log_softmax"),
    rows(VIEW, "torch.nn.utils", "skip_init"),
    rows(VIEW, "torch.nn.utils.parametrizations", "orthogonal spectral_norm weight_norm"),
    rows(MAKES, "torch.utils.tensorboard", "SummaryWriter"),
    rows(PURE, "torch.utils.dlpack", "from_dlpack to_dlpack"),
    rows(PURE, "torch.nn.attention.flex_attention", "create_block_mask flex_attention and_masks or_masks"),
    rows(STATE, "torch.library", "define impl register_fake register_autograd register_kernel Library"),
    rows(SHAPE, "torch.testing", "assert_close assert_allclose"),
    rows(SHAPE, "torch.version", "cuda hip"),
    rows(STATE, "torch.serialization", "add_safe_globals"),
    rows(CONTEXT, "torch.serialization", "safe_globals"),
)
