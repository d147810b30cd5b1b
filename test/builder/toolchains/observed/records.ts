// Writes the records that a Zephyr build leaves about its inputs, in the formats of the real tools: CMake, Ninja, the
// preprocessor and Kconfig.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The inputs of a build. Paths are absolute. */
export interface Read {
  /** The application's directory. */
  application: string;
  /** CMake's variables besides those that every build has. */
  cache: Record<string, string>;
  /** Lines of `.config`. */
  config: string[];
  /** Devicetree sources. */
  devicetree: string[];
  /** CMake's list files and configuration fragments. */
  cmake: string[];
  kconfig: string[];
  /** The inputs of each object. */
  objects: Record<string, string[]>;
  /** The compiled sources. Default: none. */
  sources?: string[];
  /** The directories in which compilers look for headers. Default: none. */
  includes?: string[];
  /** Linked files that are not the build's own. Default: none. */
  libraries?: string[];
  /** `[name, directory]`. */
  modules: [string, string][];
  /** `[BOARD_ROOT, directory]`. */
  roots: [string, string][];
}

/** Writes all records of a build into its directory. */
export function writeRecords(build: string, read: Read): void {
  const put = (file: string, content: string | Buffer) => {
    mkdirSync(path.dirname(path.join(build, file)), { recursive: true });
    writeFileSync(path.join(build, file), content);
  };
  put(
    'CMakeCache.txt',
    cmakeCache({ CMAKE_CACHEFILE_DIR: build, CMAKE_HOME_DIRECTORY: read.application, ...read.cache }),
  );
  put(
    'build.ninja',
    ninjaManifest([...read.cmake, ...read.kconfig, ...linesOf(read.devicetree), 'CMakeCache.txt'], read),
  );
  const loads = (read.libraries ?? []).map(file => `LOAD ${file}\n`);
  put(
    'zephyr/zmk.map',
    `Archive member included\n\nLinker script and memory map\n\nLOAD app/libapp.a\n${loads.join('')}`,
  );
  put('.ninja_deps', ninjaDeps(read.objects));
  put('zephyr/.config', read.config.map(line => `${line}\n`).join(''));
  put('zephyr/kconfig/sources.txt', read.kconfig.map(file => `${file}\n`).join(''));
  put('zephyr/zephyr.dts.pre.d', dependencyFile('empty_file.o', read.devicetree));
  put(
    'zephyr_modules.txt',
    read.modules.map(([name, directory]) => `"${name}":"${directory}":""\n`).join(''),
  );
  put('zephyr_settings.txt', read.roots.map(([name, directory]) => `"${name}":"${directory}"\n`).join(''));
}

/**
 * The devicetree sources that Zephyr 3 reports to CMake: whole lines of the preprocessor's file, whatever number of
 * names is on one.
 */
function linesOf(devicetree: readonly string[]): string[] {
  const lines = dependencyFile('empty_file.o', devicetree)
    .replace(/^empty_file\.o:/, '')
    .split('\\\n');
  return lines.map(line => line.trim()).filter(line => line !== '');
}

/** A `CMakeCache.txt`. */
export function cmakeCache(entries: Record<string, string>): string {
  const lines = Object.entries(entries).map(
    ([name, value]) => `//No help\n${name}:UNINITIALIZED=${value}\n\n`,
  );
  return `# This is the CMakeCache file.\n\n${lines.join('')}`;
}

/** A `build.ninja` whose own dependencies are these files. */
export function ninjaManifest(
  inputs: readonly string[],
  { sources = [], includes = [] }: Pick<Read, 'sources' | 'includes'> = {},
): string {
  const escaped = (file: string) => file.replaceAll(/[$ :]/g, '$$$&');
  const compiled = sources.flatMap(source => [
    `build modules/${path.basename(source)}.obj: C_COMPILER__app_unscanned_ ${escaped(source)} || cmake_object_order`,
    '  FLAGS = -Os -mcpu=cortex-m4 -mthumb',
    `  INCLUDES = ${includes.map(directory => `-I${/ /.test(directory) ? `"${escaped(directory)}"` : escaped(directory)}`).join(' ')}`,
    '',
  ]);
  return [
    '# CMAKE generated file: DO NOT EDIT!',
    'ninja_required_version = 1.5',
    'rule RERUN_CMAKE',
    '  command = cmake --regenerate-during-build',
    '',
    `build build.ninja: RERUN_CMAKE | ${inputs.map(escaped).join(' ')}`,
    '  pool = console',
    '',
    ...compiled,
  ].join('\n');
}

/** A dependency file as GCC writes it: as many names on a line as fit. */
export function dependencyFile(output: string, inputs: readonly string[]): string {
  let text = `${output}:`;
  let column = text.length;
  for (const input of inputs.map(file => file.replaceAll(/[ #\\]/g, '\\$&').replaceAll('$', '$$$$'))) {
    if (column + 1 + input.length > 76) {
      text += ' \\\n';
      column = 0;
    }
    text += ` ${input}`;
    column += 1 + input.length;
  }
  return `${text}\n`;
}

/** A `.ninja_deps` of version 4. */
export function ninjaDeps(objects: Record<string, readonly string[]>): Buffer {
  const parts: Buffer[] = [Buffer.from('# ninjadeps\n'), u32(4)];
  const ids = new Map<string, number>();
  const idOf = (name: string): number => {
    const known = ids.get(name);
    if (known !== undefined) return known;
    const id = ids.size;
    ids.set(name, id);
    const bytes = Buffer.from(name);
    const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
    parts.push(u32(padded.length + 4), padded, u32(~id >>> 0));
    return id;
  };
  for (const [output, inputs] of Object.entries(objects)) {
    const numbers = [idOf(output), 0, 1, ...inputs.map(idOf)];
    parts.push(u32((0x8000_0000 + 4 * numbers.length) >>> 0), ...numbers.map(u32));
  }
  return Buffer.concat(parts);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
