// What is true of a `command` toolchain on this machine only: where its program's files are, and what its configuration
// names that another machine need not have.
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as walk from 'empathic/walk';
import { pickEnvironment } from '../../config/environment.ts';
import type { CommandToolchainOptions } from '../../config/toolchain-options.ts';
import { isInside, resolveReal } from '../../system/paths.ts';
import { isOfSystem, type NamedPlace } from '../incremental/path-base.ts';
import type { Surroundings } from './toolchain.ts';

/** Where a command is and runs. Absolute paths. */
export interface CommandPlaces {
  directory: string;
  configDirectory: string;
  /** The program's file; undefined when it is one of the project's, and a mere name when it is nowhere. */
  program: string | undefined;
}

/**
 * What is known of this machine.
 *
 * @param places with what the program says of its version; empty when it is not asked
 */
export function commandSurroundings(
  { arguments: args, environment = [] }: CommandToolchainOptions,
  places: CommandPlaces & { version: string },
): Surroundings {
  const own = programDirectory(places.program);
  const modules = walk
    .up(places.configDirectory)
    .map(above => path.join(above, 'node_modules'))
    .find(directory => existsSync(directory));
  const named: NamedPlace[] = [
    ...(own === undefined ? [] : [{ name: 'program', directory: own, isShared: isShared(own, places) }]),
    ...(modules === undefined ? [] : [{ name: 'node_modules', directory: modules }]),
  ];
  const bound = [
    ...namedHere('toolchains.command.arguments', args.join('\n')),
    ...Object.entries(pickEnvironment(environment)).flatMap(([name, value]) =>
      namedHere(`the variable ${name}`, value),
    ),
    ...namedHere('what the compiler says of its version', places.version),
  ];
  return { places: named, folders: programFolders(pickEnvironment(['PATH'])), bound };
}

/** The directories in which an environment has programs looked for. */
export function programFolders({ PATH = '' }: Readonly<Record<string, string>>): string[] {
  return PATH.split(path.delimiter).filter(folder => path.isAbsolute(folder));
}

/** What a text names of this machine that need not be on another, or be the same there: a phrase for the first of it. */
export function namedHere(where: string, text: string): string[] {
  const found = text.matchAll(/(?:^|[=:,;"'\s(]|-[ILF])(\/[^\s:;,"'()]+)/gm);
  const own = [...found]
    .map(([, file]) => file!)
    .find(file => !/^\/(?:dev|proc)(?:\/|$)/.test(file) && !isOfSystem(file) && existsSync(file));
  return own === undefined ? [] : [`${where} names ${own}`];
}

/** What a program says, with names for the directories that it may tell and that are elsewhere on other machines. */
export function withoutPlaces(said: string, { directory, configDirectory, program }: CommandPlaces): string {
  const { HOME = '/' } = pickEnvironment(['HOME']);
  const file = program ?? '/';
  const known: [directory: string, name: string][] = [
    [configDirectory, '{config}'],
    [directory, '{directory}'],
    [path.dirname(file), '{program}'],
    [path.dirname(resolveReal(file)), '{program}'],
    [HOME, '{home}'],
  ];
  return known
    .filter(([place]) => path.isAbsolute(place) && place !== '/')
    .sort(([one], [other]) => other.length - one.length)
    .reduce((text, [place, name]) => text.replaceAll(place, name), said);
}

/** Where a program has what belongs to it, without links; undefined when it is nowhere. */
function programDirectory(program: string | undefined): string | undefined {
  if (program === undefined || !path.isAbsolute(program)) return undefined;
  const directory = path.dirname(resolveReal(program));
  return path.basename(directory) === 'bin' ? path.dirname(directory) : directory;
}

/** Whether there are other things in a directory than the program's. */
function isShared(directory: string, places: CommandPlaces): boolean {
  const { HOME } = pickEnvironment(['HOME']);
  const around = [places.directory, places.configDirectory, ...(HOME === undefined ? [] : [HOME])];
  return isOfSystem(directory) || around.some(inner => isInside(resolveReal(inner), directory));
}
