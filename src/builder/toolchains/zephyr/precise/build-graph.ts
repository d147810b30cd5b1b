// Build graph of Ninja: which command makes which file from which others.
//
//   build OUTPUTS | MORE: RULE INPUTS | IMPLICIT || ORDER-ONLY        of CMake's `build.ninja`
//     COMMAND = …
import path from 'node:path';

/** One statement. Names as in Ninja's files, relative to the build directory unless absolute. */
export interface Edge {
  rule: string;
  outputs: string[];
  /** The files whose changes make it run again. */
  inputs: string[];
  /** Of a `CUSTOM_COMMAND`. */
  command: string | undefined;
}

/**
 * The statements of a `build.ninja`; undefined if CMake does not write such files.
 *
 * @param build the build directory, as the build saw it
 */
export function parseBuildGraph(manifest: string, build: string): Edge[] | undefined {
  const edges: Edge[] = [];
  let edge: Edge | undefined;
  for (const line of manifest.replaceAll('$\n', ' ').split('\n')) {
    if (line.startsWith('build ')) {
      edge = parseStatement(line.slice('build '.length), build);
      if (edge === undefined) return undefined;
      edges.push(edge);
    } else if (line.startsWith('  ')) {
      if (edge !== undefined && line.startsWith('  COMMAND = '))
        edge.command = line.slice('  COMMAND = '.length);
    } else if (line !== '' && !line.startsWith('#')) {
      edge = undefined;
      if (/^(?:subninja|pool)\b/.test(line)) return undefined;
    }
  }
  return edges.length === 0 ? undefined : edges;
}

/** A second name of the build directory, under which CMake lists outputs again. */
const WORK_DIRECTORY = '\0cmake_ninja_workdir\0';

function parseStatement(text: string, build: string): Edge | undefined {
  const outputs: string[] = [];
  const inputs: string[] = [];
  let rule: string | undefined;
  let isOrderOnly = false;
  for (const word of wordsOf(text)) {
    if (word.endsWith('\0:')) {
      if (word.length > 2) outputs.push(word.slice(0, -2));
      rule = '';
    } else if (rule === undefined) {
      if (word !== '|') outputs.push(word);
    } else if (rule === '') rule = word;
    else if (word === '||' || word === '|@') isOrderOnly = true;
    else if (word !== '|' && !isOrderOnly) inputs.push(word);
  }
  if (rule === undefined || rule === '') return undefined;
  const own = outputs.filter(output => !output.startsWith(WORK_DIRECTORY));
  return {
    rule,
    outputs: own.map(output => placeIn(build, output)),
    inputs: inputs.map(input => placeIn(build, input)),
    command: undefined,
  };
}

/** One name for each file: relative to the build directory if it is inside. */
export function placeIn(build: string, name: string): string {
  const file = path.posix.normalize(name);
  return file.startsWith(`${build}/`) ? file.slice(build.length + 1) : file;
}

/** Words separated by blanks; the colon after the outputs is marked. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let hasColon = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === ' ') {
      if (word !== '') words.push(word);
      word = '';
    } else if (character === ':' && !hasColon) {
      words.push(`${word}\0:`);
      word = '';
      hasColon = true;
    } else if (character !== '$') word += character;
    else if (text.startsWith('{cmake_ninja_workdir}', at + 1)) {
      word += WORK_DIRECTORY;
      at += '{cmake_ninja_workdir}'.length;
    } else word += text[++at] ?? '';
  }
  if (word !== '') words.push(word);
  return words;
}

/** Whether a statement compiles one source to one object. */
export function isCompile({ rule }: Edge): boolean {
  return /^(?:C|CXX|ASM)_COMPILER__/.test(rule);
}

/** Whether a statement links a program. */
export function isLink({ rule }: Edge): boolean {
  return /_EXECUTABLE_LINKER__/.test(rule);
}

/**
 * Zephyr's scripts that do not read the devicetree: their inputs exist before anything is compiled, or are known to
 * Ninja.
 */
const INDEPENDENT =
  /\/(?:parse_syscalls|gen_syscalls|subfolder_list|gen_kobject_list|gen_offset_header|gen_strerror_table|gen_strsignal_table)\.py\b|\/gen_version_h\.cmake\b/;

/**
 * Whether a statement may read products of the devicetree that Ninja does not list: any command that is not known to be
 * independent of it.
 */
export function mayReadDevicetree({ rule, command = '' }: Edge): boolean {
  if (rule !== 'CUSTOM_COMMAND') return false;
  if (/\.pickle\b|\.dts\b|\bdts\.cmake\b|devicetree/.test(command)) return true;
  if (INDEPENDENT.test(command)) return false;
  return !/^cd \S+ && \S+\/cmake -E (?:echo|touch)\b[^&|;]*$/.test(command);
}

/**
 * The files to make again after `first`: these, and everything that is made from them.
 *
 * @param read the files that the compiler reported as read, by output
 */
export function madeOf(
  edges: readonly Edge[],
  read: ReadonlyMap<string, readonly string[]>,
  first: Iterable<string>,
): Set<string> {
  const users = new Map<string, Edge[]>();
  for (const edge of edges) {
    const all = [...edge.inputs, ...edge.outputs.flatMap(output => read.get(output) ?? [])];
    for (const input of new Set(all)) {
      const known = users.get(input);
      if (known === undefined) users.set(input, [edge]);
      else known.push(edge);
    }
  }
  // CMake lists all files that it reads as the outputs of one statement without a command, so that Ninja does not miss them.
  const commands = edges.filter(({ rule, inputs }) => rule !== 'phony' || inputs.length > 0);
  const makers = new Map(commands.flatMap(edge => edge.outputs.map(output => [output, edge] as const)));
  const found = new Set<string>();
  const queue = [...first];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    // A command makes all its outputs at once.
    for (const other of makers.get(file)?.outputs ?? []) queue.push(other);
    for (const { outputs } of users.get(file) ?? []) queue.push(...outputs);
  }
  return found;
}
