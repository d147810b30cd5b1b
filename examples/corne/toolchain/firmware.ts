// Firmware build: the steps from a keymap to a UF2 file.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatDepfile, parseDepfile } from './depfile.ts';
import { readDeviceTree } from './devicetree.ts';
import { loadableSegments } from './elf.ts';
import { BuildError } from './errors.ts';
import { readKeymap } from './keymap-reader.ts';
import { readSettings, settingsHeader } from './settings.ts';
import { keymapTable } from './table.ts';
import { NRF52840_FAMILY, uf2 } from './uf2.ts';
import { zig, zigHeaders, zigProgram } from './zig.ts';

/** Sources of both halves, slowest first. Each half adds left.c or right.c. */
const SOURCES = [
  'usb.c',
  'combos.c',
  'hold_taps.c',
  'keys.c',
  'report.c',
  'usb_descriptors.c',
  'radio.c',
  'link.c',
  'matrix.c',
  'debounce.c',
  'macros.c',
  'layers.c',
  'sticky.c',
  'engine.c',
  'clock.c',
  'system.c',
  'transform.c',
  'memory.c',
  'startup.c',
  'main.c',
];

// No floating point: the firmware does not need it, and main.c does not enable it.
const TARGET = ['-target', 'thumbv7em-none-eabi', '-mcpu=cortex-m4', '-mfloat-abi=soft'];
const WARNINGS = ['-Wall', '-Wextra', '-Wshadow'];

export interface FirmwareOptions {
  board: string;
  shield: string;
  /** Directory of build.yaml. Absolute. */
  configDirectory: string;
  /** Directory for `<name>.uf2`, `<name>.elf`, `inputs.d` and intermediate files. Absolute. */
  buildDirectory: string;
  name: string;
  /** Number of parallel compilers. Default: the number of cores. */
  jobs?: number;
  /** Other inputs of the build, such as the modules of this program. */
  alsoRead?: () => string[];
  /** Called with a line for each step. */
  report: (line: string) => void;
}

/** Builds one half. Throws a `BuildError` with one sentence for the user. */
export async function buildFirmware(options: FirmwareOptions): Promise<void> {
  const half = halfOf(options);
  const program = zigProgram();
  const headers = zigHeaders();
  const directories = {
    source: fileURLToPath(new URL('source', import.meta.url)),
    generated: join(options.buildDirectory, 'generated'),
    objects: join(options.buildDirectory, 'objects'),
    scratch: join(options.buildDirectory, 'compiler'),
  };
  for (const directory of [directories.generated, directories.objects, directories.scratch]) {
    await mkdir(directory, { recursive: true });
  }
  const sources = [...SOURCES, `${half}.c`].map(name => join(directories.source, name));
  const steps = progress(sources.length + 4, options.report);
  const inputs = new Set<string>();

  steps('Reading corne.keymap');
  const keymapFile = join(options.configDirectory, 'config', 'corne.keymap');
  const table = keymapTable(
    readKeymap(keymapFile, await readDeviceTree(keymapFile, await read(keymapFile, inputs))),
  );
  const tableFile = join(directories.generated, 'keymap.c');
  await writeFile(tableFile, table);
  sources.push(tableFile);

  const settingsFile = join(options.configDirectory, 'config', 'corne.conf');
  const settings = readSettings(settingsFile, await read(settingsFile, inputs));
  await writeFile(join(directories.generated, 'config.h'), settingsHeader(settings));

  const objects = await inParallel(options.jobs ?? availableParallelism(), sources, async source => {
    steps(`Compiling ${basename(source)}`);
    const object = join(directories.objects, `${basename(source, '.c')}.o`);
    const said = await zig(program, directories.scratch, [
      'clang',
      // A user's clang.cfg must not affect this firmware.
      '--no-default-config',
      ...TARGET,
      ...WARNINGS,
      '-std=c11',
      '-ffreestanding',
      '-Os',
      '-ffunction-sections',
      '-fdata-sections',
      // The stack is never unwound.
      '-fno-unwind-tables',
      '-fno-asynchronous-unwind-tables',
      // Paths of this machine must not get into the firmware.
      `-ffile-prefix-map=${directories.source}=source`,
      `-ffile-prefix-map=${directories.generated}=generated`,
      ...['-I', directories.source, '-I', directories.generated],
      ...['-nostdinc', '-isystem', headers],
      // Without the compiler's own headers: its version stands for them, wherever it is installed.
      ...['-MMD', '-MF', `${object}.d`],
      ...['-c', source, '-o', object],
    ]);
    if (said) options.report(said);
    for (const path of parseDepfile(await readFile(`${object}.d`, 'utf8'))) inputs.add(path);
    return object;
  });

  steps('Linking');
  const script = join(directories.source, 'link.ld');
  inputs.add(script);
  const elfFile = join(options.buildDirectory, `${options.name}.elf`);
  const said = await zig(program, directories.scratch, [
    'ld.lld',
    ...['-e', 'Reset_Handler'],
    '--gc-sections',
    '--strip-all',
    // Glovebox shows it beside each target.
    '--print-memory-usage',
    // Flash needs no page alignment.
    ...['-z', 'max-page-size=4'],
    ...['-T', script],
    // memory.c is the whole runtime that these need.
    ...objects,
    ...['-o', elfFile],
  ]);
  if (said) options.report(said);

  steps('Packing');
  const segments = loadableSegments(await readFile(elfFile));
  await writeFile(join(options.buildDirectory, `${options.name}.uf2`), uf2(segments, NRF52840_FAMILY));

  for (const path of options.alsoRead?.() ?? []) inputs.add(path);
  const own = [...inputs].filter(path => !path.startsWith(directories.generated));
  await writeFile(join(options.buildDirectory, 'inputs.d'), formatDepfile(`${options.name}.uf2`, own));
  await rm(directories.scratch, { recursive: true, force: true });
  const size = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
  options.report(`${options.name}: ${size} bytes of flash`);
}

function halfOf({ board, shield }: FirmwareOptions): 'left' | 'right' {
  if (board !== 'nice_nano_v2') {
    throw new BuildError(`the board is '${board}', but this firmware runs on 'nice_nano_v2' only.`);
  }
  if (shield === 'corne_left') return 'left';
  if (shield === 'corne_right') return 'right';
  throw new BuildError(
    `the shield is '${shield}', but this firmware knows 'corne_left' and 'corne_right' only.`,
  );
}

async function read(file: string, inputs: Set<string>): Promise<string> {
  inputs.add(file);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new BuildError(`cannot be read (${(error as NodeJS.ErrnoException).code}).`, { file });
  }
}

function progress(total: number, report: (line: string) => void): (what: string) => void {
  let done = 0;
  return what => report(`[${String(++done).padStart(String(total).length)}/${total}] ${what}`);
}

/**
 * Runs `work` on every item, a few at a time. Results are in item order. After a failure, no further item is started.
 */
async function inParallel<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        results[index] = await work(items[index]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.max(1, limit) }, worker));
  const failure = outcomes.find(outcome => outcome.status === 'rejected');
  if (failure) throw failure.reason;
  return results;
}
