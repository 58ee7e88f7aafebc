"""What torch has for devices, processes, compilers and profilers, by what it does."""

from __future__ import annotations

from auditor.timeline.library.effects.effect import Effect, rows, table

PURE, VIEW, SHAPE, FRESH, RANDOM = Effect.PURE, Effect.VIEW, Effect.SHAPE, Effect.FRESH, Effect.RANDOM
IN_PLACE, MAKES, CONTEXT, STATE = Effect.IN_PLACE, Effect.MAKES, Effect.CONTEXT, Effect.STATE
READS, WRITES, TOLD = Effect.READS, Effect.WRITES, Effect.TOLD

DEVICES = table(
    rows(
        SHAPE,
        "torch.cuda",
        """
        can_device_access_peer clock_rate current_blas_handle current_device current_solver_handle current_stream
        default_stream device_count device_memory_used get_allocator_backend get_arch_list get_device_capability
        get_device_name get_device_properties get_gencode_flags get_per_process_memory_fraction get_rng_state
        get_rng_state_all get_stream_from_external get_sync_debug_mode host_memory_stats
        host_memory_stats_as_nested_dict initial_seed is_available is_bf16_supported is_current_stream_capturing
        is_initialized is_tf32_supported list_gpu_processes max_memory_allocated max_memory_cached
        max_memory_reserved mem_get_info memory_allocated memory_cached memory_reserved memory_snapshot memory_stats
        memory_stats_as_nested_dict memory_summary memory_usage power_draw temperature utilization
        """,
    ),
    rows(
        STATE,
        "torch.cuda",
        """
        caching_allocator_alloc caching_allocator_delete caching_allocator_disabled caching_allocator_enable
        change_current_allocator empty_cache init initial_seed ipc_collect manual_seed manual_seed_all
        reset_accumulated_host_memory_stats reset_accumulated_memory_stats reset_max_memory_allocated
        reset_max_memory_cached reset_peak_host_memory_stats reset_peak_memory_stats seed seed_all set_device
        set_per_process_memory_fraction set_rng_state set_rng_state_all set_stream set_sync_debug_mode synchronize
        """,
    ),
    rows(
        CONTEXT,
        "torch.cuda",
        """
        device device_of stream graph use_mem_pool Stream Event CUDAGraph MemPool graph_pool_handle
        """,
    ),
    rows(
        SHAPE,
        "torch.distributed",
        """
        get_backend get_backend_config get_debug_level get_default_backend_for_device get_global_rank get_group_rank
        get_node_local_rank get_pg_count get_process_group_ranks get_rank get_world_size is_available
        is_backend_available is_gloo_available is_initialized is_mpi_available is_nccl_available
        is_torchelastic_launched is_ucc_available is_xccl_available supports_complex
        """,
    ),
    rows(
        STATE,
        "torch.distributed",
        """
        init_process_group destroy_process_group barrier monitored_barrier new_group new_subgroups
        new_subgroups_by_enumeration init_device_mesh set_debug_level set_debug_level_from_env rendezvous
        split_group group timedelta
        """,
    ),
    rows(
        IN_PLACE,
        "torch.distributed",
        """
        all_gather all_gather_coalesced all_gather_into_tensor all_gather_object all_gather_single all_reduce
        all_reduce_coalesced all_to_all all_to_all_single broadcast broadcast_object_list gather gather_object irecv
        recv recv_object_list reduce reduce_scatter reduce_scatter_single reduce_scatter_tensor scatter
        scatter_object_list
        """,
    ),
    rows(
        SHAPE,
        "torch.distributed",
        """
        send isend send_object_list batch_isend_irecv P2POp
        """,
    ),
    rows(CONTEXT, "torch.cuda.amp", "autocast custom_fwd custom_bwd"),
    rows(MAKES, "torch.cuda.amp", "GradScaler"),
    rows(CONTEXT, "torch.backends.cuda", "sdp_kernel"),
    rows(CONTEXT, "torch.autograd.profiler", "profile record_function emit_nvtx"),
    rows(CONTEXT, "torch.profiler", "profile record_function schedule ProfilerActivity"),
    rows(STATE, "torch._dynamo", "reset graph_break mark_dynamic mark_static maybe_mark_dynamic reset_code_caches"),
    rows(STATE, "torch._dynamo.utils", "set_feature"),
    rows(STATE, "torch.compiler", "reset cudagraph_mark_step_begin set_stance"),
    rows(SHAPE, "torch.compiler", "is_compiling is_dynamo_compiling is_exporting"),
    rows(SHAPE, "torch._dynamo", "is_compiling"),
    rows(
        STATE,
        "torch.backends.cuda",
        "enable_cudnn_sdp enable_flash_sdp enable_math_sdp enable_mem_efficient_sdp preferred_linalg_library"
        " preferred_blas_library allow_fp16_bf16_reduction_math_sdp",
    ),
    rows(
        SHAPE,
        "torch.backends.cuda",
        "flash_sdp_enabled math_sdp_enabled mem_efficient_sdp_enabled cudnn_sdp_enabled is_built"
        " is_flash_attention_available",
    ),
    rows(SHAPE, "torch.backends.cudnn", "is_available version"),
    rows(SHAPE, "torch.backends.mps", "is_available is_built"),
    rows(SHAPE, "torch.mps", "is_available current_allocated_memory driver_allocated_memory"),
    rows(STATE, "torch.mps", "synchronize empty_cache manual_seed"),
    rows(SHAPE, "torch.xpu", "is_available device_count"),
    rows(SHAPE, "torch.accelerator", "is_available current_accelerator device_count"),
    rows(STATE, "torch.cuda.nvtx", "range_push range_pop mark"),
    rows(CONTEXT, "torch.cuda.nvtx", "range"),
    rows(STATE, "torch.cuda.profiler", "start stop"),
    rows(STATE, "torch.cuda.random", "manual_seed manual_seed_all set_rng_state"),
    rows(SHAPE, "torch.cuda.random", "get_rng_state"),
    rows(STATE, "torch.cuda.memory", "set_per_process_memory_fraction empty_cache"),
    rows(STATE, "torch.multiprocessing", "set_start_method set_sharing_strategy"),
    rows(STATE, "torch._logging", "set_logs"),
    rows(SHAPE, "torch.distributed.distributed_c10d", "_get_default_group get_rank get_world_size"),
    rows(STATE, "torch.distributed", "get_default_group ReduceOp"),
    rows(SHAPE, "torch.distributed.checkpoint.state_dict", "StateDictOptions"),
)
