"""RocksDB as the stores of a process open it, and what they share.

Loaded with the first store (`store.py`): a worker without a table does without its nine megabytes.
"""

from __future__ import annotations

from pathlib import Path

import rocksdict

MEBIBYTE = 2**20

# Of all stores of a process together, however many partitions it owns: one of them alone may take what none needs.
_WRITTEN = rocksdict.WriteBufferManager(16 * MEBIBYTE, False)  # not yet in files; beyond that, files begin earlier
_READ = rocksdict.Cache(8 * MEBIBYTE)  # rows asked for lately are known (`recent.py`), files are in the page cache


def opened(path: Path) -> rocksdict.Rdict:
    """The database in this folder, made if it is not there; it merges no files before it is told to."""
    return rocksdict.Rdict(str(path), _options())


def read_only(path: Path) -> rocksdict.Rdict:
    """The database as it is now, beside its owner."""
    return rocksdict.Rdict(str(path), _options(), access_type=rocksdict.AccessType.read_only())


def batch() -> rocksdict.WriteBatch:
    """What is written at once."""
    return rocksdict.WriteBatch(raw_mode=True)


def _options() -> rocksdict.Options:
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(8 * MEBIBYTE)
    options.set_write_buffer_manager(_WRITTEN)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    options.set_max_background_jobs(1)
    options.set_disable_auto_compactions(True)  # until its files have been looked at
    options.set_compression_type(rocksdict.DBCompressionType.lz4())
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(_READ)
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options
