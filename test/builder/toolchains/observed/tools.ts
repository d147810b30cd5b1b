// A compiler that compiles nothing, and answers as GCC does about the programs and libraries that it uses.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const VERSION = 'arm-none-eabi-gcc (Arm GNU Toolchain 12.2.Rel1) 12.2.1 20221205';

/** The compiler's parts, by their paths. */
export const TOOL_FILES = [
  'libexec/cc1',
  'arm/bin/as',
  'arm/bin/ld',
  'bin/arm-none-eabi-objcopy',
  'arm/lib/libc.a',
  'arm/lib/libgcc.a',
];

/** Large enough for its digest to be remembered. */
const PADDING = '.'.repeat(300 * 1024);

/** Writes a compiler below a directory, which is created if it is missing. */
export function writeTools(directory: string): void {
  writeToolFiles(directory);
  writeFileSync(compilerFile(directory), `#!/bin/sh\n${compilerScript(directory, VERSION)}`);
  chmodSync(compilerFile(directory), 0o755);
}

/** All parts except the program itself. */
export function writeToolFiles(directory: string): void {
  for (const file of TOOL_FILES) writeTool(directory, file, '1');
  mkdirSync(path.join(directory, 'arm/include'), { recursive: true });
}

/** Another version of one part, with the same size. */
export function writeTool(directory: string, file: string, version: string): void {
  const place = path.join(directory, file);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, `${file} ${version.padStart(8)}${file === 'libexec/cc1' ? PADDING : ''}`);
}

export function compilerFile(directory: string): string {
  return path.join(directory, 'bin/arm-none-eabi-gcc');
}

/** CMake's record of it. */
export function compilerVariables(directory: string): Record<string, string> {
  return {
    CMAKE_C_COMPILER: compilerFile(directory),
    CMAKE_OBJCOPY: path.join(directory, 'bin/arm-none-eabi-objcopy'),
  };
}

/** Everything that the compiler's parts, and not the sources, add to the firmware. */
export function toolContents(directory: string): string {
  return contentsOf(directory, TOOL_FILES);
}

/** What the compiling parts add to each object: the others run later. */
export function objectContents(directory: string): string {
  return contentsOf(directory, ['libexec/cc1', 'arm/bin/as']);
}

function contentsOf(directory: string, files: readonly string[]): string {
  return files
    .map(file => readFileSync(path.join(directory, file), 'utf8').replaceAll(PADDING, ''))
    .join('\n');
}

export function linkedLibraries(directory: string): string[] {
  return ['libc.a', 'libgcc.a'].map(name => path.join(directory, 'arm/lib', name));
}

/** A shell script for the compiler: answers GCC's query options. */
export function compilerScript(directory: string, version: string): string {
  return `
for word in "$@"; do
  case $word in
    --version) echo '${version}'; exit ;;
    -print-search-dirs)
      echo 'install: ${directory}/libexec/'
      echo 'programs: =${directory}/libexec/:${directory}/arm/bin/'
      echo 'libraries: =${directory}/arm/lib/'
      exit ;;
    -v)
      echo '#include <...> search starts here:'
      echo ' ${directory}/arm/include'
      echo 'End of search list.'
      exit ;;
  esac
done
`;
}
