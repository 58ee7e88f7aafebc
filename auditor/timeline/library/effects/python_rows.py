"""The functions of Python's own library, by what they do."""

from __future__ import annotations

from auditor.timeline.library.effects.effect import Effect, rows, table

PURE, VIEW, SHAPE, FRESH, RANDOM = Effect.PURE, Effect.VIEW, Effect.SHAPE, Effect.FRESH, Effect.RANDOM
IN_PLACE, MAKES, CONTEXT, STATE = Effect.IN_PLACE, Effect.MAKES, Effect.CONTEXT, Effect.STATE
READS, WRITES, TOLD = Effect.READS, Effect.WRITES, Effect.TOLD

PYTHON = table(
    rows(
        PURE,
        "",
        """
        abs all any ascii bin bool bytearray bytes chr complex dict divmod enumerate filter float format frozenset
        hex int iter list map max min next oct ord pow range repr reversed round set slice sorted str sum tuple zip
        memoryview
        """,
    ),
    rows(SHAPE, "", "callable dir hasattr hash id isinstance issubclass len object type getattr vars locals globals"),
    rows(STATE, "", "setattr delattr property staticmethod classmethod super exit quit input breakpoint help"),
    rows(READS, "", "open"),
    rows(TOLD, "", "print"),
    rows(
        MAKES,
        "",
        """
        ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
        BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError
        ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError EncodingWarning EnvironmentError
        Exception ExceptionGroup FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit
        IOError ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError
        KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError
        NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError
        RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration
        SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError UnboundLocalError
        UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning
        ValueError Warning ZeroDivisionError
        """,
    ),
    rows(
        PURE,
        "math",
        """
        acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist erf erfc exp exp2 expm1
        fabs factorial floor fma fmod frexp fsum gamma gcd hypot isclose isfinite isinf isnan isqrt lcm ldexp lgamma
        log log10 log1p log2 modf nextafter perm pow prod radians remainder sin sinh sqrt sumprod tan tanh trunc ulp
        """,
    ),
    rows(PURE, "cmath", "exp log log10 sqrt phase polar rect isclose isfinite isinf isnan cos sin tan"),
    rows(
        PURE,
        "statistics",
        """
        mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode multimode pstdev
        pvariance quantiles stdev variance covariance correlation linear_regression
        """,
    ),
    rows(
        PURE,
        "operator",
        """
        abs add and_ concat contains countOf eq floordiv ge getitem gt index indexOf inv invert is_ is_not le lshift
        lt matmul mod mul ne neg not_ or_ pos pow rshift sub truediv truth xor itemgetter attrgetter length_hint
        """,
    ),
    rows(
        PURE,
        "itertools",
        """
        batched chain combinations combinations_with_replacement compress count cycle islice pairwise permutations
        product repeat tee zip_longest
        """,
    ),
    rows(PURE, "collections", "Counter ChainMap OrderedDict defaultdict deque namedtuple UserDict UserList"),
    rows(STATE, "functools", "wraps update_wrapper lru_cache cache cached_property total_ordering cmp_to_key"),
    rows(
        PURE,
        "re",
        "compile escape findall finditer fullmatch match search split sub subn template purge error",
    ),
    rows(PURE, "fnmatch", "filter fnmatch fnmatchcase translate"),
    rows(PURE, "string", "Template Formatter capwords"),
    rows(PURE, "textwrap", "dedent fill indent shorten wrap"),
    rows(PURE, "unicodedata", "category name normalize bidirectional combining decimal digit numeric"),
    rows(PURE, "html", "escape unescape"),
    rows(PURE, "json", "dumps loads"),
    rows(READS, "json", "load"),
    rows(WRITES, "json", "dump"),
    rows(PURE, "ast", "literal_eval parse dump unparse"),
    rows(PURE, "pickle", "dumps loads"),
    rows(READS, "pickle", "load Unpickler"),
    rows(WRITES, "pickle", "dump Pickler"),
    rows(PURE, "marshal", "dumps loads"),
    rows(PURE, "struct", "calcsize iter_unpack pack unpack unpack_from Struct"),
    rows(IN_PLACE, "struct", "pack_into"),
    rows(PURE, "array", "array"),
    rows(PURE, "zlib", "compress decompress crc32 adler32 compressobj decompressobj"),
    rows(PURE, "lzma", "compress decompress LZMACompressor LZMADecompressor"),
    rows(PURE, "bz2", "compress decompress BZ2Compressor BZ2Decompressor"),
    rows(PURE, "gzip", "compress decompress"),
    rows(READS, "gzip", "open GzipFile"),
    rows(READS, "lzma", "open LZMAFile"),
    rows(READS, "bz2", "open BZ2File"),
    rows(READS, "zipfile", "ZipFile"),
    rows(SHAPE, "zipfile", "is_zipfile"),
    rows(READS, "tarfile", "open TarFile"),
    rows(
        PURE,
        "base64",
        """
        a85decode a85encode b16decode b16encode b32decode b32encode b64decode b64encode b85decode b85encode
        decodebytes encodebytes standard_b64decode standard_b64encode urlsafe_b64decode urlsafe_b64encode
        """,
    ),
    rows(PURE, "binascii", "a2b_base64 a2b_hex b2a_base64 b2a_hex crc32 crc_hqx hexlify unhexlify"),
    rows(
        PURE,
        "hashlib",
        "blake2b blake2s md5 new sha1 sha224 sha256 sha384 sha3_256 sha3_512 sha512 pbkdf2_hmac scrypt",
    ),
    rows(READS, "hashlib", "file_digest"),
    rows(PURE, "hmac", "new digest compare_digest"),
    rows(PURE, "copy", "copy deepcopy replace"),
    rows(PURE, "decimal", "Decimal getcontext localcontext"),
    rows(PURE, "fractions", "Fraction"),
    rows(IN_PLACE, "heapq", "heapify heappop heappush heappushpop heapreplace"),
    rows(PURE, "heapq", "merge nlargest nsmallest"),
    rows(PURE, "bisect", "bisect bisect_left bisect_right"),
    rows(IN_PLACE, "bisect", "insort insort_left insort_right"),
    rows(
        SHAPE, "time", "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time strftime gmtime"
    ),
    rows(SHAPE, "time", "localtime mktime ctime asctime strptime thread_time get_clock_info"),
    rows(STATE, "time", "sleep tzset"),
    rows(SHAPE, "datetime", "datetime date time timedelta timezone tzinfo UTC"),
    rows(SHAPE, "datetime.datetime", "now utcnow today fromtimestamp strptime fromisoformat utcfromtimestamp combine"),
    rows(SHAPE, "datetime.date", "today fromtimestamp fromisoformat"),
    rows(SHAPE, "calendar", "timegm monthrange"),
    rows(SHAPE, "uuid", "uuid1 uuid3 uuid4 uuid5 UUID getnode"),
    rows(
        RANDOM,
        "random",
        """
        Random SystemRandom betavariate binomialvariate choice choices expovariate gammavariate gauss getrandbits
        getstate lognormvariate normalvariate paretovariate randbytes randint random randrange sample triangular
        uniform vonmisesvariate weibullvariate
        """,
    ),
    rows(STATE, "random", "seed setstate"),
    rows(IN_PLACE, "random", "shuffle"),
    rows(RANDOM, "secrets", "choice randbelow randbits token_bytes token_hex token_urlsafe"),
    rows(
        SHAPE,
        "os",
        """
        access cpu_count fspath fsdecode fsencode get_terminal_size getcwd getcwdb getenv getgid getlogin getpgid
        getpid getppid getuid geteuid isatty listdir scandir walk stat fstat lstat statvfs uname urandom times
        getloadavg umask sched_getaffinity process_cpu_count readlink strerror get_exec_path device_encoding
        """,
    ),
    rows(
        STATE,
        "os",
        """
        _exit abort chdir chmod chown close closerange dup dup2 fsync ftruncate kill killpg makedirs mkdir nice
        putenv unsetenv remove removedirs rename renames replace rmdir setpgid setsid sync truncate unlink utime
        waitpid sched_setaffinity set_blocking posix_fadvise fdatasync
        """,
    ),
    rows(READS, "os", "read pread fdopen open"),
    rows(WRITES, "os", "write pwrite"),
    rows(STATE, "os.environ", "setdefault update pop clear"),
    rows(SHAPE, "os.environ", "get copy items keys values"),
    rows(
        PURE,
        "os.path",
        """
        abspath basename commonpath commonprefix dirname expanduser expandvars join normcase normpath realpath
        relpath split splitdrive splitext
        """,
    ),
    rows(
        SHAPE,
        "os.path",
        "exists getatime getctime getmtime getsize isabs isdir isfile islink ismount lexists samefile",
    ),
    rows(PURE, "pathlib", "Path PosixPath PurePath PurePosixPath"),
    rows(SHAPE, "pathlib.Path", "cwd home"),
    rows(SHAPE, "glob", "glob iglob escape has_magic"),
    rows(SHAPE, "shutil", "disk_usage get_terminal_size which"),
    rows(STATE, "shutil", "rmtree chown"),
    rows(STATE, "tempfile", "gettempdir mkdtemp mkstemp mktemp TemporaryDirectory NamedTemporaryFile TemporaryFile"),
    rows(PURE, "io", "BytesIO StringIO TextIOWrapper BufferedReader BufferedWriter RawIOBase"),
    rows(READS, "io", "open FileIO"),
    rows(READS, "mmap", "mmap"),
    rows(
        SHAPE,
        "sys",
        """
        exc_info getdefaultencoding getfilesystemencoding getrecursionlimit getrefcount getsizeof gettrace intern
        is_finalizing version_info getswitchinterval
        """,
    ),
    rows(STATE, "sys", "exit setrecursionlimit set_int_max_str_digits setswitchinterval"),
    rows(STATE, "sys.path", "insert append remove extend"),
    rows(TOLD, "sys.stdout", "write writelines"),
    rows(TOLD, "sys.stderr", "write writelines"),
    rows(STATE, "sys.stdout", "flush reconfigure isatty fileno"),
    rows(STATE, "sys.stderr", "flush reconfigure isatty fileno"),
    rows(READS, "sys.stdin", "read readline readlines"),
    rows(READS, "sys.stdin.buffer", "read readline readlines"),
    rows(
        TOLD,
        "logging",
        "critical debug error exception fatal info log warn warning",
    ),
    rows(
        STATE,
        "logging",
        """
        FileHandler Filter Formatter Handler Logger LoggerAdapter NullHandler StreamHandler addLevelName basicConfig
        captureWarnings disable getLevelName getLogger setLoggerClass shutdown
        """,
    ),
    rows(STATE, "logging.handlers", "RotatingFileHandler"),
    rows(TOLD, "warnings", "warn warn_explicit"),
    rows(STATE, "warnings", "filterwarnings simplefilter resetwarnings catch_warnings"),
    rows(TOLD, "traceback", "print_exc print_exception print_stack print_tb"),
    rows(PURE, "traceback", "format_exc format_exception format_stack format_tb extract_stack extract_tb"),
    rows(TOLD, "pprint", "pprint pp"),
    rows(PURE, "pprint", "pformat"),
    rows(
        CONTEXT, "contextlib", "nullcontext suppress redirect_stdout redirect_stderr contextmanager ExitStack closing"
    ),
    rows(CONTEXT, "contextlib", "asynccontextmanager AsyncExitStack"),
    rows(
        CONTEXT,
        "threading",
        "Barrier BoundedSemaphore Condition Event Lock RLock Semaphore local active_count current_thread enumerate",
    ),
    rows(SHAPE, "threading", "get_ident get_native_id main_thread"),
    rows(PURE, "queue", "LifoQueue PriorityQueue Queue SimpleQueue Empty Full"),
    rows(SHAPE, "multiprocessing", "cpu_count current_process set_start_method get_start_method freeze_support"),
    rows(STATE, "multiprocessing", "Lock Event Barrier Semaphore"),
    rows(SHAPE, "platform", "machine node platform processor python_version release system uname version python_build"),
    rows(SHAPE, "socket", "gethostname getfqdn gethostbyname"),
    rows(SHAPE, "resource", "getrusage getrlimit"),
    rows(STATE, "resource", "setrlimit"),
    rows(STATE, "fcntl", "flock lockf fcntl ioctl"),
    rows(SHAPE, "getpass", "getuser"),
    rows(STATE, "gc", "collect disable enable freeze unfreeze set_threshold"),
    rows(SHAPE, "gc", "get_count get_stats get_threshold isenabled"),
    rows(STATE, "faulthandler", "enable disable dump_traceback dump_traceback_later cancel_dump_traceback_later"),
    rows(SHAPE, "inspect", "getsource getsourcefile getfile getmodule isclass isfunction signature getmembers"),
    rows(SHAPE, "inspect", "currentframe stack ismethod isbuiltin getfullargspec"),
    rows(STATE, "dataclasses", "dataclass field make_dataclass"),
    rows(PURE, "dataclasses", "asdict astuple replace fields is_dataclass"),
    rows(STATE, "enum", "Enum IntEnum Flag IntFlag StrEnum auto unique"),
    rows(PURE, "types", "SimpleNamespace MappingProxyType"),
    rows(STATE, "typing", "NamedTuple NewType Protocol TypeVar TypedDict cast overload runtime_checkable final"),
    rows(STATE, "abc", "abstractmethod ABC ABCMeta"),
    rows(MAKES, "argparse", "ArgumentParser Namespace ArgumentTypeError ArgumentError"),
    rows(STATE, "argparse", "BooleanOptionalAction ArgumentDefaultsHelpFormatter RawDescriptionHelpFormatter FileType"),
    rows(MAKES, "configparser", "ConfigParser RawConfigParser"),
    rows(READS, "csv", "reader DictReader"),
    rows(MAKES, "csv", "writer DictWriter"),
    rows(READS, "tomllib", "load"),
    rows(PURE, "tomllib", "loads"),
    rows(PURE, "urllib.parse", "parse_qs quote unquote urlencode urljoin urlparse urlsplit urlunparse"),
    rows(PURE, "weakref", "ref proxy WeakKeyDictionary WeakValueDictionary WeakSet finalize"),
    rows(SHAPE, "importlib.util", "find_spec"),
    rows(SHAPE, "importlib.metadata", "version"),
    rows(PURE, "shlex", "join quote split"),
    rows(PURE, "difflib", "SequenceMatcher ndiff unified_diff"),
    rows(STATE, "site", "addsitedir"),
    rows(STATE, "locale", "setlocale"),
    rows(STATE, "py_compile", "compile"),
    rows(STATE, "compileall", "compile_dir compile_file"),
    rows(
        STATE,
        "ctypes",
        """
        POINTER Structure Union addressof alignment byref c_bool c_byte c_char c_char_p c_double c_float c_int
        c_int16 c_int32 c_int64 c_int8 c_long c_longlong c_short c_size_t c_ssize_t c_ubyte c_uint c_uint16 c_uint32
        c_uint64 c_uint8 c_ulong c_ulonglong c_ushort c_void_p cast pointer sizeof
        """,
    ),
    rows(SHAPE, "ctypes.util", "find_library"),
    rows(STATE, "signal", "getsignal default_int_handler"),
    rows(SHAPE, "subprocess", "PIPE DEVNULL STDOUT CalledProcessError TimeoutExpired"),
    rows(SHAPE, "errno", "errorcode"),
    rows(SHAPE, "sysconfig", "get_config_var get_config_vars get_paths get_path"),
)
