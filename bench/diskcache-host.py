"""Python-diskcache process: reads requests and writes replies as lines of JSON (see bench/messages.ts).

The counterpart of driver.ts, workers/bench.ts and client.ts, with the same operations on the same keys and the same
checks. Only the store's own work is timed, not this program's choosing and checking.
"""

import base64
import json
import struct
import sys
import time
from array import array

import diskcache

KIND = sys.argv[1]
PAGE = 4096
PAGES_CHECKED = 64
STRIDE = 23
SAMPLING = 8
ANY_VERSION = 2**30 - 1
# Large enough that nothing is ever evicted.
SIZE_LIMIT = 2**36
SUB_BUCKETS = 128
LONGEST = 2**31 - 1
GET, SET, DELETE = 0, 1, 2
stamp = struct.Struct('<II')


def bucket_of(nanoseconds):
    """The same histogram as in bench/histogram.ts."""
    shift = max(0, nanoseconds.bit_length() - 8)
    return shift * SUB_BUCKETS + (nanoseconds >> shift)


BUCKETS = bucket_of(LONGEST) + 1


def key_name(key):
    return f'target/{key}/firmware'


class WrongValue(Exception):
    pass


def torn(key, version):
    return WrongValue(f'Key {key} has a value that is damaged (it begins as version {version}).')


class Bytes:
    """The same values as ByteValues in bench/values.ts."""

    def __init__(self, size):
        self.size = size
        self.is_large = size > PAGE
        if self.is_large:
            words = array('I')
            state = 1
            for _ in range(PAGE):
                state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
                words.append(state)
            self.reused = bytearray((words.tobytes() * (size // (4 * PAGE) + 1))[:size])

    def make(self, key, version):
        size = self.size
        mark = stamp.pack(key, version)
        if not self.is_large:
            return mark + bytes([(key + version) & 0xFF]) * (size - 16) + mark
        value = self.reused
        for offset in range(0, size, PAGE):
            value[offset : offset + 8] = mark
        value[size - 8 :] = mark
        return bytes(value)

    def version_of(self, key, value, is_whole):
        size = self.size
        if not isinstance(value, bytes):
            raise WrongValue(f'Key {key} has a value that is no bytes.')
        if len(value) != size:
            raise WrongValue(f'Key {key} has a value of {len(value)} bytes instead of {size}.')
        found, version = stamp.unpack_from(value)
        if found != key:
            raise WrongValue(f'Key {key} has a value of key {found}.')
        mark = value[:8]
        is_right = value.endswith(mark)
        if is_whole:
            is_right = is_right and value == self.make(key, version)
        elif not self.is_large:
            sample = value[8 : size - 8 : STRIDE]
            is_right = is_right and sample == bytes([(key + version) & 0xFF]) * len(sample)
        else:
            step = PAGE * max(1, size // PAGE // PAGES_CHECKED)
            is_right = is_right and all(value.startswith(mark, at) for at in range(0, size, step))
        if not is_right:
            raise torn(key, version)
        return version


class Records:
    """The same values as ObjectValues in bench/values.ts."""

    def make(self, key, version):
        def digest(index):
            return f'{key * 31 + version * 7 + index:040x}'

        return {
            'key': key,
            'version': version,
            'target': {
                'board': 'nice_nano_v2',
                'shield': f'keyboard_{key}_left',
                'snippets': ['studio-rpc-usb-uart'],
                'arguments': ['-DCONFIG_ZMK_STUDIO=y'],
            },
            'toolchain': {
                'name': 'container',
                'identity': f'zmk-build-arm@{digest(0)}',
                'environment': {'ZEPHYR_TOOLCHAIN_VARIANT': 'zephyr', 'CCACHE_DISABLE': '1'},
            },
            'inputs': [
                {
                    'path': f'config/keyboard_{key}.part{index}.keymap',
                    'hash': digest(index),
                    'size': 1000 + index,
                }
                for index in (1, 2, 3, 4)
            ],
            'artifacts': [
                {'name': f'zmk.{index}.uf2', 'hash': digest(index), 'size': 400000 + index} for index in (5, 6)
            ],
            'duration': 12345.5,
            'succeeded': True,
            'end': {'key': key, 'version': version},
        }

    def version_of(self, key, value, is_whole):
        if not isinstance(value, dict):
            raise WrongValue(f'Key {key} has a value that is no record.')
        if value['key'] != key:
            raise WrongValue(f'Key {key} has a value of key {value["key"]}.')
        version = value['version']
        is_right = (
            value['end'] == {'key': key, 'version': version}
            and len(value['inputs']) == 4
            and value['artifacts'][1]['size'] == 400006
            and (not is_whole or value == self.make(key, version))
        )
        if not is_right:
            raise torn(key, version)
        return version


class Oracle:
    """The same checks as Oracle in bench/oracle.ts, for one process with one thread."""

    def __init__(self, keys):
        self.issued = [0] * keys
        self.acknowledged = [0] * keys
        self.deleted = [0] * keys

    def adopt(self, versions, is_foreign):
        for key, version in enumerate(versions):
            is_others = version > 0 and is_foreign(key)
            self.acknowledged[key] = 2 * version
            self.issued[key] = ANY_VERSION if is_others else version
            self.deleted[key] = ANY_VERSION if is_others else 0

    def issue(self, key, is_delete=False):
        self.issued[key] += 1
        if is_delete:
            self.deleted[key] = self.issued[key]
        return self.issued[key]

    def acknowledge(self, key, version, is_delete=False):
        self.acknowledged[key] = 2 * version + is_delete

    def check(self, key, before, version):
        acknowledged = before >> 1
        is_deleted = before & 1
        if version == 0:
            if before == 0 or is_deleted or self.deleted[key] > acknowledged:
                return
            raise WrongValue(f'Key {key} is missing though version {acknowledged} was acknowledged.')
        if version > self.issued[key]:
            raise WrongValue(f'Key {key} has version {version}, but only {self.issued[key]} were written.')
        if version < acknowledged or (is_deleted and version == acknowledged):
            raise WrongValue(f'Key {key} has version {version} after version {acknowledged} was acknowledged.')


def peak_memory():
    with open('/proc/self/status') as status:
        for line in status:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    return None


def forget_peak():
    try:
        with open('/proc/self/clear_refs', 'w') as file:
            file.write('5')
    except OSError:
        pass


class Host:
    def __init__(self):
        self.cache = None

    def answer(self, request):
        return getattr(self, request['type'])(request)

    def open(self, request):
        data = request['data']
        directory = request['directory']
        if KIND == 'FanoutCache':
            self.cache = diskcache.FanoutCache(directory, size_limit=SIZE_LIMIT)
        else:
            self.cache = diskcache.Cache(directory, size_limit=SIZE_LIMIT)
        self.keys = data['keys']
        self.values = Records() if data['kind'] == 'object' else Bytes(data['size'])
        self.oracle = Oracle(self.keys + data['absent'])
        if request.get('versions'):
            self.oracle.adopt(request['versions'], lambda key: False)
        return {}

    def fill(self, _request):
        for first in range(0, self.keys, 5000):
            with self.cache.transact(retry=True):
                for key in range(first, min(first + 5000, self.keys)):
                    self.set(key)
        return {'versions': self.oracle.issued}

    def set(self, key, history=None):
        """Return the duration in nanoseconds."""
        version = self.oracle.issue(key)
        name = key_name(key)
        value = self.values.make(key, version)
        began = time.perf_counter_ns()
        stored = self.cache.set(name, value, retry=True)
        ended = time.perf_counter_ns()
        if not stored:
            raise WrongValue(f'Key {key} was not stored.')
        self.oracle.acknowledge(key, version)
        if history is not None:
            history.extend((key, version, time.monotonic_ns() / 1e6))
        return ended - began

    def prepare(self, request):
        self.run_request = run = request['run']
        self.workload = request['workload']
        if request.get('versions'):
            self.oracle.adopt(
                request['versions'],
                lambda key: run['threads'] > 1 and key % run['threads'] != run['thread'],
            )
        keys = array('I')
        keys.frombytes(base64.b64decode(request['draws']['keys']))
        self.draw_keys = keys.tolist()
        self.draw_kinds = base64.b64decode(request['draws']['kinds'])
        self.draw_names = [key_name(key) for key in self.draw_keys]
        if run['readsAll']:
            for key in range(self.keys):
                self.cache.get(key_name(key), retry=True)
        return {}

    def run(self, _request):
        forget_peak()
        thread = self.stampede() if self.workload['type'] == 'stampede' else self.operations()
        reply = {'run': {'threads': [thread], 'memory': peak_memory()}}
        if self.workload['gets'] < 1:
            reply['versions'] = self.oracle.issued
        return reply

    def operations(self):
        run = self.run_request
        cache, oracle, values = self.cache, self.oracle, self.values
        keys, kinds, names = self.draw_keys, self.draw_kinds, self.draw_names
        mask = len(keys) - 1
        counts = [[0] * BUCKETS for _ in range(3)]
        longest = [0, 0, 0]
        writes, reads = ([], []) if run['threads'] > 1 else (None, None)
        deleted = []
        misses = index = busy = 0
        clock = time.perf_counter_ns
        started = time.monotonic_ns()
        deadline = clock() + run['milliseconds'] * 1_000_000
        while True:
            at = index & mask
            kind = kinds[at]
            key = keys[at]
            index += 1
            if kind == GET:
                noted = reads is not None and index % SAMPLING == 0
                before = oracle.acknowledged[key]
                moment = time.monotonic_ns() / 1e6 if noted else 0
                began = clock()
                value = cache.get(names[at], retry=True)
                ended = clock()
                took = ended - began
                version = 0 if value is None else values.version_of(key, value, False)
                oracle.check(key, before, version)
                if version == 0:
                    misses += 1
                if noted:
                    reads.extend((key, version, moment))
            elif kind == SET:
                took = self.set(deleted.pop() if deleted else key, writes)
            else:
                version = oracle.issue(key, True)
                began = clock()
                cache.delete(names[at], retry=True)
                took = clock() - began
                oracle.acknowledge(key, version, True)
                if writes is not None:
                    writes.extend((key, -version, time.monotonic_ns() / 1e6))
                deleted.append(key)
            counts[kind][bucket_of(min(took, LONGEST))] += 1
            if took > longest[kind]:
                longest[kind] = took
            busy += took
            if clock() >= deadline:
                break
        for key in deleted:
            self.set(key, writes)
        return {
            'misses': misses,
            'started': started / 1e6,
            # Counts only the store's own time.
            'ended': (started + busy) / 1e6,
            'histograms': [{'counts': counts[kind], 'max': longest[kind] / 1e6} for kind in range(3)],
            'history': None if writes is None else {'writes': writes, 'reads': reads},
        }

    def stampede(self):
        """Stampede protection as documented: read, take the lock of the key, read again, produce."""
        run = self.run_request
        name = run['id']
        values = Bytes(200)
        produced = None
        started = time.monotonic_ns()
        value = self.cache.get(name, retry=True)
        if value is None:
            with diskcache.Lock(self.cache, f'{name}/lock'):
                value = self.cache.get(name, retry=True)
                if value is None:
                    time.sleep(0.05)
                    value = values.make(0, run['thread'] + 1)
                    produced = time.monotonic_ns() / 1e6
                    self.cache.set(name, value, retry=True)
        done = time.monotonic_ns()
        counts = [0] * BUCKETS
        counts[bucket_of(min(done - started, LONGEST))] = 1
        empty = {'counts': [0] * BUCKETS, 'max': 0}
        stampede = {'done': done / 1e6, 'maker': values.version_of(0, value, True) - 1}
        if produced is not None:
            stampede['produced'] = produced
        return {
            'misses': 0,
            'started': started / 1e6,
            'ended': done / 1e6,
            'histograms': [{'counts': counts, 'max': (done - started) / 1e6}, empty, empty],
            'stampede': stampede,
        }

    def verify(self, request):
        if request.get('versions'):
            self.oracle.adopt(request['versions'], lambda key: False)
        for key in request['keys']:
            value = self.cache.get(key_name(key), retry=True)
            version = 0 if value is None else self.values.version_of(key, value, True)
            self.oracle.check(key, self.oracle.acknowledged[key], version)
        return {}

    def close(self, _request):
        self.cache.close()
        return {}


host = Host()
for line in sys.stdin:
    try:
        reply = {'ok': True, 'result': host.answer(json.loads(line))}
    except Exception as error:  # reported by the benchmark, whatever it is
        reply = {'ok': False, 'failure': str(error) or type(error).__name__}
    sys.stdout.write(json.dumps(reply) + '\n')
    sys.stdout.flush()
