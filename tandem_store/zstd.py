"""The standard library's zstd, which is a backport before Python 3.14."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter as CompressionParameter
    from compression.zstd import ZstdCompressor as ZstdCompressor
    from compression.zstd import ZstdDecompressor as ZstdDecompressor
    from compression.zstd import ZstdDict as ZstdDict
    from compression.zstd import ZstdError as ZstdError
    from compression.zstd import ZstdFile as ZstdFile
    from compression.zstd import get_frame_info as get_frame_info
    from compression.zstd import train_dict as train_dict
else:
    from backports.zstd import CompressionParameter as CompressionParameter
    from backports.zstd import ZstdCompressor as ZstdCompressor
    from backports.zstd import ZstdDecompressor as ZstdDecompressor
    from backports.zstd import ZstdDict as ZstdDict
    from backports.zstd import ZstdError as ZstdError
    from backports.zstd import ZstdFile as ZstdFile
    from backports.zstd import get_frame_info as get_frame_info
    from backports.zstd import train_dict as train_dict
