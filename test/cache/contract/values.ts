// Values: everything that structured cloning supports keeps its type; everything else is refused by name.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { runInNewContext } from 'node:vm';
import { UncloneableValueError } from '../../../src/index.ts';
import { type Case, collect } from './context.ts';

class Point {
  x = 1;
  #hidden = 2;
  get sum(): number {
    return this.x + this.#hidden;
  }
}
class CompilerError extends RangeError {}
class Secret {
  #hidden = 1;
  get hidden(): number {
    return this.#hidden;
  }
}
class Marker {}
// Errors made in the style from before classes.
function OldError(this: { message: string }): void {
  this.message = 'old';
}
OldError.prototype = Object.create(Error.prototype);

// Large enough to be a blob in backends with blobs.
const FILLER = 'x'.repeat(100_000);

function buffers(): ArrayBuffer {
  return new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]).buffer;
}

function typedArrays(): Record<string, ArrayBufferView> {
  const types = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ];
  const made: Record<string, ArrayBufferView> = {};
  for (const type of types) {
    made[type.name] = new (type as unknown as Uint8ArrayConstructor)(buffers());
    made[`part of ${type.name}`] = new (type as unknown as Uint8ArrayConstructor)(buffers(), 8, 1);
  }
  // Not available in every supported Node.
  const half = (globalThis as unknown as { Float16Array?: Uint16ArrayConstructor }).Float16Array;
  if (half) made.Float16Array = new half(buffers());
  return made;
}

function samples(): Record<string, unknown> {
  return {
    undefined: undefined,
    null: null,
    true: true,
    'negative zero': -0,
    NaN: Number.NaN,
    infinity: -Infinity,
    'smallest number': 5e-324,
    bigint: -(2n ** 200n),
    text: 'grüße 🎹 \0 \u{feff}',
    'half a surrogate pair': 'a\ud83c',
    'long text': FILLER,
    'undefined fields': { a: undefined, b: 1 },
    'numeric fields': { 2: 'two', 1: 'one', z: 0, a: 0 },
    date: new Date(1_700_000_000_123),
    'invalid date': new Date(Number.NaN),
    regexp: /gr(ü)ß+e?\/\n/giu,
    map: new Map<unknown, unknown>([
      [{ key: 1 }, new Map([[1, 2]])],
      [Number.NaN, undefined],
      ['text', new Set([1])],
    ]),
    set: new Set<unknown>([1, '1', new Date(0), [new Set()]]),
    array: [1, [2, [3, []]], 'x', null, undefined],
    'sparse array': Object.assign(new Array(5), { 1: 'one', 4: 'four' }),
    'array with fields': Object.assign([1, 2], { extra: true }),
    'boxed number': Object(1),
    'boxed text': Object('text'),
    'boxed boolean': Object(false),
    'boxed bigint': Object(5n),
    buffer: Buffer.from('bytes'),
    'empty buffer': Buffer.alloc(0),
    'large buffer': Buffer.alloc(80_000, 5),
    'bytes of a larger buffer': new Uint8Array(buffers(), 3, 4),
    'large bytes': new Uint8Array(80_000).fill(6),
    'array buffer': buffers(),
    'nested buffer': { deep: [Buffer.from('bytes'), new Uint8Array([1])] },
    ...typedArrays(),
    'nested views': { views: Object.values(typedArrays()), filler: FILLER },
    'many things': {
      date: new Date(0),
      map: new Map([[1, new Set([/x/])]]),
      filler: FILLER,
      undef: undefined,
    },
    'fields with telling names': JSON.parse(
      '{"__proto__":{"polluted":true},"constructor":1,"then":2,"toJSON":3,"toString":4,"hasOwnProperty":5,"type":"HANDLER"}',
    ),
  };
}

export const values: readonly Case[] = [
  {
    name: 'everything that structured cloning supports is read back unchanged, from the store and from memory',
    async run(context) {
      const cache = context.open();
      for (const [name, value] of Object.entries(samples())) {
        assert.equal(await cache.set(name, value), true, name);
        // From the store, from the bytes in memory, and from the decoded value.
        for (const _ of [1, 2, 3, 4]) {
          const found = await cache.get(name);
          assert.deepEqual(found, value, name);
          assert.equal(Object.is(found, value) || typeof value === 'object', true, name);
        }
      }
      const everything = samples();
      await cache.set('everything', everything);
      assert.deepEqual(await cache.get('everything'), everything);
      assert.deepEqual(new Map(await collect(cache.entries({ prefix: 'nested' }))).size, 2);
      assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    },
  },
  {
    name: 'a Buffer stays a Buffer, and bytes stay bytes',
    async run(context) {
      const cache = context.open();
      await cache.set('value', { buffer: Buffer.from('a'), bytes: new Uint8Array([1]) });
      const { buffer, bytes } = (await cache.get<{ buffer: Buffer; bytes: Uint8Array }>('value'))!;
      assert.equal(Buffer.isBuffer(buffer), true);
      assert.equal(Buffer.isBuffer(bytes), false);
      assert.equal(bytes.buffer.byteLength, 1, 'no more than its own bytes');
      await cache.set('top', new Uint8Array([1]));
      assert.equal(Buffer.isBuffer(await cache.get('top')), false);
    },
  },
  {
    name: 'a returned value can be changed, and no other caller sees the change',
    async run(context) {
      const cache = context.open();
      await cache.set('record', { inputs: [{ path: 'a' }], sizes: new Map([['a', 1]]) });
      await cache.set('plain', { inputs: [{ path: 'a' }], name: 'left' });
      // In memory, only in the database, and in a file.
      const sizes = [3, 40_000, 100_000];
      for (const size of sizes) {
        await cache.set(`bytes-${size}`, Buffer.alloc(size, 'a'));
        await cache.set(`array-${size}`, new Uint8Array(size).fill(97));
      }
      for (const _ of [1, 2, 3, 4]) {
        for (const key of ['record', 'plain']) {
          const found = (await cache.get<{ inputs: { path: string }[] }>(key))!;
          assert.deepEqual(found.inputs, [{ path: 'a' }], key);
          found.inputs[0]!.path = 'changed';
          found.inputs.push({ path: 'more' });
        }
        for (const key of sizes.flatMap(size => [`bytes-${size}`, `array-${size}`])) {
          const pages = await collect(cache.entries({ prefix: key }));
          const all = [await cache.get(key), (await cache.getMany([key])).get(key), pages[0]![1]];
          for (const bytes of all as Uint8Array[]) {
            assert.equal(Buffer.isBuffer(bytes), key.startsWith('bytes'), key);
            assert.equal(`${key.slice(0, 6)}${bytes.length}`, key);
            assert.ok(
              bytes.every(byte => byte === 97),
              key,
            );
            bytes.fill(0);
          }
        }
      }
    },
  },
  {
    name: 'errors keep their standard class, message, stack and cause',
    async run(context) {
      const cache = context.open();
      for (const type of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
        const cause = new type('because', { cause: { code: 7 } });
        const error = new Error('broken', { cause });
        await cache.set('error', { error });
        const found = (await cache.get<{ error: Error }>('error'))!.error;
        assert.ok(found instanceof Error);
        assert.deepEqual([found.message, found.stack], ['broken', error.stack]);
        assert.ok(found.cause instanceof type);
        assert.equal(Object.getPrototypeOf(found.cause), type.prototype);
        assert.deepEqual(found.cause.cause, { code: 7 });
      }
      await cache.set('subclass', new CompilerError('line 3'));
      const found = await cache.get<Error>('subclass');
      assert.ok(found instanceof Error && !(found instanceof CompilerError));
      assert.equal(found.message, 'line 3');
    },
  },
  {
    name: 'cycles and shared references are preserved',
    async run(context) {
      const cache = context.open();
      const node: Record<string, unknown> = { name: 'node', filler: FILLER };
      node.self = node;
      node.list = [node];
      node.map = new Map<unknown, unknown>([[node, node]]);
      await cache.set('cycle', node);
      const found = (await cache.get<typeof node>('cycle'))!;
      assert.equal(found.self, found);
      assert.equal((found.list as unknown[])[0], found);
      assert.equal((found.map as Map<unknown, unknown>).get(found), found);

      const shared = buffers();
      await cache.set('views', { a: new Uint8Array(shared, 0, 8), b: new Uint16Array(shared, 4, 2), shared });
      const views = (await cache.get<{ a: Uint8Array; b: Uint16Array; shared: ArrayBuffer }>('views'))!;
      assert.equal(views.a.buffer, views.b.buffer);
      assert.equal(views.a.buffer, views.shared);
      assert.deepEqual([views.a.byteOffset, views.b.byteOffset, views.b.length], [0, 4, 2]);
      views.a[4] = 99;
      assert.equal(views.b[0]! & 0xff, 99);
    },
  },
  {
    name: 'a class instance is stored as structured cloning does: its own data, as a plain object',
    async run(context) {
      const cache = context.open();
      await cache.set('point', { at: new Point(), nothing: Object.assign(Object.create(null), { a: 1 }) });
      const found = (await cache.get<{ at: object; nothing: object }>('point'))!;
      assert.deepEqual(found, { at: { x: 1 }, nothing: { a: 1 } });
      assert.equal(Object.getPrototypeOf(found.at), Object.prototype);
      await cache.set('symbols', { [Symbol('key')]: 1, b: 2 });
      assert.deepEqual(await cache.get('symbols'), { b: 2 });
    },
  },
  {
    name: 'nothing in a value is executed when it is read back',
    async run(context) {
      const cache = context.open();
      let calls = 0;
      const source = {
        get computed() {
          return ++calls;
        },
      };
      await cache.set('getter', source);
      const afterSet = calls;
      const found = await cache.get<object>('getter');
      await cache.get('getter');
      assert.equal(calls, afterSet);
      assert.equal(typeof Object.getOwnPropertyDescriptor(found, 'computed')?.value, 'number');
    },
  },
  {
    name: 'an unsupported part of a value is a typed error that says where it is',
    async run(context) {
      const cache = context.open();
      const uncloneable: [unknown, string][] = [
        [() => 1, '$'],
        [Symbol('s'), '$'],
        [class {}, '$'],
        [{ run: () => 1 }, '$.run'],
        [{ rules: [0, 1, 2, { run() {} }] }, '$.rules[3].run'],
        [{ 'two words': [Symbol('s')] }, '$["two words"][0]'],
        [new Map([['key', () => 1]]), '$.get("key")'],
        [new Map<unknown, unknown>([[() => 1, 1]]), '$.keys()[0]'],
        [new Set([1, () => 1]), '$.values()[1]'],
        [new Error('x', { cause: { run: () => 1 } }), '$.cause.run'],
        [Object.assign([1], { extra: () => 1 }), '$.extra'],
        [Object.assign(new Point(), { run: () => 1 }), '$.run'],
        [{ site: new URL('http://localhost/') }, '$.site'],
        [{ memory: new SharedArrayBuffer(8) }, '$.memory'],
        [{ memory: new Uint8Array(new SharedArrayBuffer(8)) }, '$.memory'],
        [{ memory: Buffer.from(new SharedArrayBuffer(8)) }, '$.memory'],
        [Buffer.from(new SharedArrayBuffer(8)), '$'],
        [new Uint8Array(new SharedArrayBuffer(8)), '$'],
        [{ proxy: new Proxy({}, {}) }, '$.proxy'],
        [[new Proxy([], {})], '$[0]'],
        [{ later: Promise.resolve() }, '$.later'],
        [{ weak: new WeakMap() }, '$.weak'],
        [{ weak: new WeakRef({}) }, '$.weak'],
        [{ blob: new Blob(['x']) }, '$.blob'],
        [{ boxed: Object(Symbol('s')) }, '$.boxed'],
        [{ format: new Intl.NumberFormat() }, '$.format'],
      ];
      for (const [value, path] of uncloneable) {
        for (const call of [
          cache.set('key', value),
          cache.add('key', value),
          cache.setMany([['key', value]]),
        ]) {
          await assert.rejects(call, (error: unknown) => {
            assert.ok(error instanceof UncloneableValueError, `${path}: ${error}`);
            assert.equal(error.code, 'GLOVEBOX_UNCLONEABLE_VALUE');
            assert.equal(error.path, path);
            assert.ok(error.message.startsWith(`${path} is `), error.message);
            return true;
          });
        }
      }
      assert.equal(await cache.has('key'), false);
    },
  },
  {
    name: 'an object whose data is elsewhere is refused by name, never stored as an empty object',
    async run(context) {
      const cache = context.open();
      const refused: [unknown, string][] = [
        [new AbortController(), 'AbortController'],
        [AbortSignal.abort(), 'AbortSignal'],
        [new Event('build'), 'Event'],
        [new (class BuildEvent extends Event {})('build'), 'BuildEvent'],
        [new EventTarget(), 'EventTarget'],
        [new EventEmitter(), 'EventEmitter'],
        [new TextEncoder(), 'TextEncoder'],
        [new TextDecoder(), 'TextDecoder'],
        [performance, 'Performance'],
        [performance.mark('start'), 'PerformanceMark'],
        [new Headers(), 'Headers'],
        [new MessageChannel(), 'MessageChannel'],
        [new ReadableStream(), 'ReadableStream'],
        [(function* () {})(), 'a generator'],
        [(async function* () {})(), 'a generator'],
        [[][Symbol.iterator](), 'Array Iterator'],
        [new Map().keys(), 'Map Iterator'],
        [Math, 'Math'],
        [new Secret(), 'Secret'],
        [runInNewContext('(function* () {})()'), 'a generator'],
        [runInNewContext('Promise.resolve(1)'), 'Promise'],
        [runInNewContext('new WeakRef({})'), 'WeakRef'],
        [runInNewContext('new SharedArrayBuffer(8)'), 'shared memory'],
        [runInNewContext('new Uint8Array(new SharedArrayBuffer(8))'), 'shared memory'],
      ];
      for (const [value, name] of refused) {
        const message = new RegExp(`^\\$ is .*${name}`);
        await assert.rejects(cache.set('key', value), { name: 'UncloneableValueError', path: '$', message });
        const inside = { name: 'UncloneableValueError', path: '$.list[0]' };
        await assert.rejects(cache.set('key', { list: [value] }), inside, name);
        await assert.rejects(
          cache.getOrSet('key', () => ({ list: [value] })),
          inside,
          name,
        );
      }
      const kept: [unknown, unknown][] = [
        [new Marker(), {}],
        [new (OldError as unknown as new () => object)(), { message: 'old' }],
        [Object.assign(Object.create({ method() {} }), { a: 1 }), { a: 1 }],
        [new (class Names extends Map<number, number> {})([[1, 2]]), new Map([[1, 2]])],
        [new (class List extends Array<number> {})(1, 2), [1, 2]],
      ];
      for (const [value, expected] of kept) {
        await cache.set('kept', value);
        assert.deepEqual(await cache.get('kept'), expected);
      }
    },
  },
  {
    name: 'values of another realm, as test runners have them, are stored like those of this one',
    async run(context) {
      const cache = context.open();
      const sources = [
        "({ a: [1, { b: 'x' }] })",
        'Object.create(null)',
        "new Map([[1, new Set(['x'])]])",
        'new Date(7)',
        '/x/gi',
        'new Uint8Array([1, 2, 3])',
        'new Uint8Array([1, 2, 3]).subarray(1)',
        'new Float64Array([1.5, -0])',
        'new BigInt64Array([1n])',
        'new DataView(new ArrayBuffer(2), 1)',
        'new ArrayBuffer(3)',
        'Object(1)',
        "Object('text')",
      ];
      for (const source of sources) {
        const foreign: unknown = runInNewContext(source);
        const own: unknown = new Function(`return ${source}`)();
        for (const wrap of [(value: unknown) => value, (value: unknown) => ({ list: [value] })]) {
          assert.equal(await cache.set('key', wrap(foreign)), true, source);
          for (const _ of [1, 2, 3]) {
            assert.deepEqual(await cache.get('key'), structuredClone(wrap(own)), source);
          }
        }
      }
      const bytes = Buffer.from(runInNewContext('new Uint8Array([1, 2]).buffer') as ArrayBuffer);
      await cache.set('bytes', { top: bytes });
      assert.deepEqual(await cache.get('bytes'), { top: Buffer.from([1, 2]) });
      await cache.set('bytes', bytes);
      assert.deepEqual(await cache.get('bytes'), Buffer.from([1, 2]));
      const made = "Object.assign(new RangeError('r', { cause: new TypeError('t') }), { code: 'E' })";
      await cache.set('error', runInNewContext(made));
      const error = (await cache.get<RangeError>('error'))!;
      assert.ok(error instanceof RangeError && error.cause instanceof TypeError);
      assert.equal(error.message, 'r');
    },
  },
  {
    name: 'a value of 2 GiB or more is a typed error at once, with the limit and the remedy',
    async run(context) {
      const cache = context.open();
      // Memory that is never touched, so that none is allocated.
      const half = new ArrayBuffer(2 ** 30);
      const large = [
        Buffer.alloc(2 ** 31),
        new Uint8Array(2 ** 31),
        new ArrayBuffer(2 ** 31),
        { parts: [new Uint8Array(2 ** 30), new Float64Array(2 ** 27)] },
        new Map([[half, Buffer.from(half)]]),
      ];
      const expected = {
        name: 'ValueTooLargeError',
        code: 'GLOVEBOX_VALUE_TOO_LARGE',
        message: /^The value has 2\.00 GiB, but a value may have at most 2 GiB\..*putFile/,
      };
      for (const value of large) {
        await assert.rejects(cache.set('key', value), expected);
        await assert.rejects(cache.setMany([['key', value]]), expected);
        await assert.rejects(
          cache.getOrSet('key', () => value),
          expected,
        );
      }
      assert.equal(await cache.has('key'), false);
    },
  },
  {
    name: 'a value that is too deep for the serializer is a typed error, not a crash',
    async run(context) {
      const cache = context.open();
      let deep: unknown[] = [];
      for (let depth = 0; depth < 200_000; depth++) deep = [deep];
      await assert.rejects(cache.set('deep', deep), UncloneableValueError);
      assert.equal(await cache.set('after', 1), true);
    },
  },
];
