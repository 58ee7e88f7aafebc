"""The methods of values of unknown class, by name: those of tensors, arrays, texts, lists, files, modules and more."""

from __future__ import annotations

from auditor.timeline.library.effects.effect import Effect, rows, table

PURE, VIEW, SHAPE, FRESH, RANDOM = Effect.PURE, Effect.VIEW, Effect.SHAPE, Effect.FRESH, Effect.RANDOM
IN_PLACE, MAKES, CONTEXT, STATE = Effect.IN_PLACE, Effect.MAKES, Effect.CONTEXT, Effect.STATE
READS, WRITES, TOLD = Effect.READS, Effect.WRITES, Effect.TOLD

METHODS = table(
    rows(
        PURE,
        "*",
        """
        abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all allclose amax amin aminmax angle any
        arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort argwhere as_strided_scatter asin
        asinh atan atan2 atanh baddbmm bernoulli bincount bitwise_and bitwise_left_shift bitwise_not bitwise_or
        bitwise_right_shift bitwise_xor bmm ccol_indices cdouble ceil cfloat chalf cholesky cholesky_inverse
        cholesky_solve clamp clamp_max clamp_min clip clone col_indices conj_physical copysign corrcoef cos cosh
        count_nonzero cov cross crow_indices cummax cummin cumprod cumsum deg2rad dequantize det diag diag_embed
        diagflat diagonal_scatter diff digamma dist div divide dot eig eq equal erf erfc erfinv exp exp2 expm1 fix
        flip fliplr flipud float_power floor floor_divide fmax fmin fmod frac frexp gather gcd ge geqrf ger greater
        greater_equal gt hardshrink hash_tensor heaviside histc histogram hypot i0 igamma igammac index index_add
        index_copy index_fill index_put index_reduce index_select inner int_repr inverse ipu is_ipu is_maia is_meta
        is_mkldnn is_mps is_mtia is_nested is_quantized is_sparse is_sparse_csr is_vulkan is_xla is_xpu isclose
        isfinite isinf isnan isneginf isposinf isreal istft item kron kthvalue lcm ldexp le lerp less less_equal
        lgamma log log10 log1p log2 log_softmax logaddexp logaddexp2 logcumsumexp logdet logical_and logical_not
        logical_or logical_xor logit logsumexp lstsq lt lu lu_solve masked_fill masked_scatter masked_select matmul
        matrix_exp matrix_power max maximum mean median min minimum mm mode msort mtia mul multinomial multiply mv
        mvlgamma nan_to_num nanmean nanmedian nanquantile nansum narrow_copy ne neg negative new new_empty
        new_empty_strided new_full new_ones new_tensor new_zeros nextafter nonzero nonzero_static norm not_equal
        orgqr ormqr outer pinverse polygamma positive pow prelu prod put q_per_channel_axis q_per_channel_scales
        q_per_channel_zero_points q_scale q_zero_point qr quantile rad2deg reciprocal relu remainder renorm repeat
        repeat_interleave roll rot90 round row_indices rsqrt scatter scatter_add scatter_reduce select_scatter sgn
        sigmoid sign signbit sin sinc sinh slice_inverse slice_scatter slogdet smm softmax solve sort sparse_mask
        sqrt square sspaddmm std stft sub subtract sum sum_to_size svd symeig take take_along_dim tan tanh tile
        to_mkldnn to_padded_tensor to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr
        tolist topk trace triangular_solve tril triu true_divide trunc unique unique_consecutive unsafe_chunk
        unsafe_split unsafe_split_with_sizes var vdot where xlogy xpu
        """,
    ),
    rows(
        VIEW,
        "*",
        """
        view view_as reshape reshape_as flatten ravel unflatten squeeze unsqueeze t transpose permute movedim
        moveaxis swapaxes swapdims expand expand_as detach contiguous chunk split split_with_sizes tensor_split
        hsplit vsplit dsplit unbind narrow select diagonal unfold as_strided broadcast_to adjoint conj resolve_conj
        resolve_neg values indices numpy to cpu cuda float half double bfloat16 long int short char byte bool type
        type_as pin_memory to_dense storage untyped_storage data coalesce
        """,
    ),
    rows(
        SHAPE,
        "*",
        """
        numel size dim ndimension nelement stride element_size data_ptr const_data_ptr is_contiguous get_device
        storage_offset is_floating_point is_complex is_conj is_neg is_nonzero is_same_size is_set_to is_shared
        is_signed is_pinned is_inference is_distributed is_coalesced dense_dim sparse_dim dim_order storage_type
        qscheme
        """,
    ),
    rows(
        IN_PLACE,
        "*",
        """
        abs_ absolute_ acos_ acosh_ add_ addbmm_ addcdiv_ addcmul_ addmm_ addmv_ addr_ arccos_ arccosh_ arcsin_
        arcsinh_ arctan2_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan2_ atan_ atanh_ baddbmm_ bernoulli_
        bitwise_and_ bitwise_left_shift_ bitwise_not_ bitwise_or_ bitwise_right_shift_ bitwise_xor_ cauchy_ ceil_
        clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ copy_ copysign_ cos_ cosh_ cumprod_ cumsum_ deg2rad_
        detach_ digamma_ div_ divide_ eq_ erf_ erfc_ erfinv_ exp2_ exp_ expm1_ exponential_ fill_ fill_diagonal_
        fix_ float_power_ floor_ floor_divide_ fmod_ frac_ gcd_ ge_ geometric_ greater_ greater_equal_ gt_
        heaviside_ hypot_ i0_ igamma_ igammac_ index_add_ index_copy_ index_fill_ index_put_ index_reduce_ lcm_
        ldexp_ le_ lerp_ less_ less_equal_ lgamma_ log10_ log1p_ log2_ log_ log_normal_ logical_and_ logical_not_
        logical_or_ logical_xor_ logit_ lt_ masked_fill_ masked_scatter_ mul_ multiply_ mvlgamma_ nan_to_num_ ne_
        neg_ negative_ nextafter_ normal_ not_equal_ polygamma_ pow_ put_ rad2deg_ random_ reciprocal_ relu_
        remainder_ renorm_ requires_grad_ resize_ resize_as_ resize_as_sparse_ round_ rsqrt_ scatter_ scatter_add_
        scatter_reduce_ sgn_ share_memory_ sigmoid_ sign_ sin_ sinc_ sinh_ sparse_resize_ sparse_resize_and_clear_
        sqrt_ square_ squeeze_ sub_ subtract_ swapaxes_ swapdims_ t_ tan_ tanh_ transpose_ tril_ triu_ true_divide_
        trunc_ uniform_ unsqueeze_ xlogy_ zero_ resize resize_as
        """,
    ),
    rows(
        STATE,
        "*",
        """
        record_stream retain_grad
        """,
    ),
    rows(
        PURE,
        "*",
        """
        argpartition astype choose compress conjugate copy dumps getfield searchsorted to_device tobytes
        """,
    ),
    rows(
        IN_PLACE,
        "*",
        """
        fill partition put setfield sort itemset byteswap
        """,
    ),
    rows(
        PURE,
        "*",
        # str and bytes
        """
        capitalize casefold center count decode encode endswith expandtabs find format format_map hex index isalnum
        isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join
        ljust lower lstrip partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip
        split splitlines startswith strip swapcase title translate upper zfill fromhex
        """,
    ),
    rows(
        PURE,
        "*",
        # list, dict, set, deque, Counter, numbers, ranges
        """
        copy get items keys values fromkeys difference intersection isdisjoint issubset issuperset
        symmetric_difference union most_common elements total bit_length bit_count to_bytes from_bytes
        as_integer_ratio is_integer conjugate fromhex _asdict _replace
        """,
    ),
    rows(
        IN_PLACE,
        "*",
        """
        add append appendleft clear discard extend extendleft insert pop popitem popleft remove reverse rotate
        setdefault sort update difference_update intersection_update symmetric_difference_update subtract
        move_to_end put put_nowait
        """,
    ),
    rows(
        PURE,
        "*",
        # regular expressions and their matches
        "findall finditer fullmatch group groupdict groups match search span start end sub subn expand",
    ),
    rows(
        PURE,
        "*",
        # paths
        """
        absolute as_posix as_uri expanduser glob is_relative_to iterdir joinpath relative_to resolve rglob with_name
        with_stem with_suffix
        """,
    ),
    rows(SHAPE, "*", "exists is_dir is_file is_symlink lstat samefile stat owner is_absolute"),
    rows(STATE, "*", "mkdir rename rmdir touch unlink chmod cleanup"),
    rows(READS, "*", "open read read1 read_bytes read_text readinto readline readlines getvalue getbuffer"),
    rows(WRITES, "*", "write write_bytes write_text writelines tofile dump"),
    rows(
        STATE, "*", "close closed fileno flush isatty readable seek seekable tell truncate writable reconfigure detach"
    ),
    rows(
        TOLD,
        "*",
        # loggers and whatever draws
        """
        critical debug error exception fatal info log warn warning log_metrics add_scalar add_scalars add_text
        add_histogram set_description set_postfix set_postfix_str set_description_str print
        """,
    ),
    rows(STATE, "*", "addFilter addHandler removeHandler setFormatter setLevel hasHandlers isEnabledFor"),
    rows(
        STATE,
        "*",
        # streams, events, graphs, handles of collectives, locks, profilers
        """
        capture_begin capture_end elapsed_time query record record_event replay reset synchronize wait wait_event
        wait_stream is_completed acquire release locked is_set set notify notify_all start_profile stop_profile
        key_averages export_chrome_trace done is_alive task_done qsize empty cancelled
        """,
    ),
    rows(
        SHAPE,
        "*",
        # tokenizers
        """
        vocab_size get_piece_size piece_size bos_id eos_id pad_id unk_id GetPieceSize get_vocab_size
        """,
    ),
    # Of which kind a token is depends on the token: what a gate reads of the one being scored counts.
    rows(PURE, "*", "is_byte is_control is_unknown is_unused IsByte IsControl IsUnknown IsUnused"),
    rows(
        PURE,
        "*",
        """
        id_to_piece IdToPiece piece_to_id PieceToId encode_as_ids encode_as_pieces EncodeAsIds EncodeAsPieces
        decode_ids decode_pieces DecodeIds DecodePieces Encode Decode id_to_token token_to_id encode_batch
        decode_batch encode_ordinary encode_ordinary_batch decode_bytes decode_single_token_bytes get_vocab
        convert_ids_to_tokens convert_tokens_to_ids batch_decode get_score GetScore
        """,
    ),
    rows(
        STATE, "*", "load Load LoadFromFile load_from_serialized_proto LoadFromSerializedProto serialized_model_proto"
    ),
    rows(
        PURE, "*", "compress decompress compressobj decompressobj stream_reader stream_writer copy_stream content_size"
    ),
    rows(PURE, "*", "digest hexdigest"),
    rows(
        PURE,
        "*",
        # generators of random numbers
        """
        choice choices gauss integers multivariate_normal normal permutation permuted poisson randbytes randint
        random randrange sample standard_normal uniform exponential gamma beta binomial
        """,
    ),
    rows(IN_PLACE, "*", "shuffle"),
    rows(STATE, "*", "manual_seed seed initial_seed get_state set_state"),
    rows(
        VIEW,
        "*",
        # modules
        """
        add_module apply bfloat16 buffers children compile cpu cuda double eval extra_repr float get_buffer
        get_parameter get_submodule half modules named_buffers named_children named_modules named_parameters no_sync
        parameters register_buffer register_module register_parameter requires_grad_ share_memory state_dict to
        to_empty train trainable_parameters type zero_grad set_requires_gradient_sync freeze unfreeze leaf_modules
        """,
    ),
    rows(IN_PLACE, "*", "load_state_dict reset_parameters add_param_group step load_weights"),
    rows(STATE, "*", "unscale_ scale get_scale is_enabled update get_last_lr set_epoch"),
    rows(
        PURE,
        "*",
        # dates, processes, arguments, everything else that only tells
        """
        isoformat strftime timestamp total_seconds date time astimezone timetuple weekday fromtimestamp communicate
        poll check_returncode add_argument add_argument_group add_mutually_exclusive_group parse_args
        parse_known_args set_defaults print_help format_help getint getfloat getboolean sections read_string
        has_option has_section namelist extract extractall getnames getmembers getinfo get_num_threads cpu_percent
        memory_info virtual_memory
        """,
    ),
    rows(
        PURE,
        "*",
        # data frames, numpy's rest
        "to_numpy to_list to_dict iterrows itertuples to_csv to_json head tail describe groupby tobytes astype",
    ),
)
