// The example's keymap engine as a simulated keyboard: compiled for WebAssembly, with simulated milliseconds.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readDeviceTree } from '../../../examples/corne/toolchain/devicetree.ts';
import { readKeymap } from '../../../examples/corne/toolchain/keymap-reader.ts';
import { keymapTable } from '../../../examples/corne/toolchain/table.ts';
import { zigProgram } from '../../../examples/corne/toolchain/zig.ts';
import { example } from './driver.ts';

// Node has it, but its type declarations do not.
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<EngineModule>;
  Instance: new (module: EngineModule) => { exports: Exports };
};

/** The compiled engine, from which any number of keyboards can be made. */
export type EngineModule = object;

const ENGINE = ['engine', 'combos', 'hold_taps', 'keys', 'layers', 'macros', 'memory', 'report', 'sticky'];

/** Compiles the engine with the keymap of the example, below the caller's directory. */
export async function compileEngine(directory: string): Promise<EngineModule> {
  const keymap = join(example, 'config', 'corne.keymap');
  const table = join(directory, 'keymap.c');
  await writeFile(
    table,
    keymapTable(readKeymap(keymap, await readDeviceTree(keymap, await readFile(keymap, 'utf8')))),
  );
  const source = join(example, 'toolchain', 'source');
  const wasm = join(directory, 'engine.wasm');
  const files = [...ENGINE.map(name => join(source, `${name}.c`)), table];
  files.push(fileURLToPath(new URL('engine.c', import.meta.url)));
  const options = [
    '-target',
    'wasm32-freestanding',
    '-std=c11',
    '-O1',
    '-fno-builtin',
    '-nostdlib',
    '-Wl,--no-entry',
  ];
  await promisify(execFile)(zigProgram(), ['cc', ...options, '-I', source, ...files, '-o', wasm], {
    env: { ZIG_LOCAL_CACHE_DIR: join(directory, 'local'), ZIG_GLOBAL_CACHE_DIR: join(directory, 'global') },
  });
  return WebAssembly.compile(await readFile(wasm));
}

interface Exports {
  memory: { readonly buffer: ArrayBuffer };
  start(): void;
  key(position: number, pressed: number, now: number): void;
  tick(now: number): void;
  keyboard(): number;
  consumer(): number;
  reset_count(): number;
  bootloader_count(): number;
}

/** The report to the host: the modifier byte and the keys that are down. */
export interface Report {
  modifiers: number;
  keys: number[];
}

/** A keyboard after reset. */
export class Keyboard {
  readonly #engine: Exports;
  #now = 0;

  constructor(module: EngineModule) {
    this.#engine = new WebAssembly.Instance(module).exports;
    this.#engine.start();
    this.wait(1000);
  }

  press(...positions: number[]): this {
    for (const position of positions) this.#engine.key(position, 1, this.#now);
    return this;
  }

  release(...positions: number[]): this {
    for (const position of positions) this.#engine.key(position, 0, this.#now);
    return this;
  }

  /** Advances the clock by single milliseconds, as the firmware's clock does. */
  wait(milliseconds: number): this {
    for (let i = 0; i < milliseconds; i++) this.#engine.tick(++this.#now);
    return this;
  }

  /** Presses and releases keys, and waits until no effect can be pending. */
  tap(position: number): this {
    return this.press(position).wait(30).release(position).wait(300);
  }

  /** The reports since the last call. */
  reports(): Report[] {
    const reports: Report[] = [];
    for (let at = this.#engine.keyboard(); at !== 0; at = this.#engine.keyboard()) {
      const [modifiers = 0, , ...keys] = new Uint8Array(this.#engine.memory.buffer, at, 8);
      reports.push({ modifiers, keys: keys.filter(key => key !== 0) });
    }
    return reports;
  }

  /** The media keys since the last call; 0 for a release. */
  media(): number[] {
    const usages: number[] = [];
    for (let usage = this.#engine.consumer(); usage !== -1; usage = this.#engine.consumer())
      usages.push(usage);
    return usages;
  }

  get resets(): { application: number; bootloader: number } {
    return { application: this.#engine.reset_count(), bootloader: this.#engine.bootloader_count() };
  }
}
