// Machine-specific surroundings of a `command` toolchain: the locations of its program, and references in its
// configuration that another machine may not have.
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as walk from 'empathic/walk';
import { pickEnvironment } from '../../config/environment.ts';
import type { CommandToolchainOptions } from '../../config/toolchain-options.ts';
import { isInside, resolveReal } from '../../system/paths.ts';
import { isOfSystem, type NamedPlace } from '../inputs/path-base.ts';
import type { Surroundings } from './toolchain.ts';

/** Locations of a command. Absolute paths. */
export interface CommandPlaces {
  directory: string;
  configDirectory: string;
  /** The program's file. Undefined if it belongs to the project; a bare name if it cannot be found. */
  program: string | undefined;
}

/**
 * The surroundings on this machine.
 *
 * @param places with the output of the version command; empty if there is none
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
    ...namedHere('the output of the version command', places.version),
  ];
  return { places: named, folders: programFolders(pickEnvironment(['PATH'])), bound };
}

/** The directories of an environment's `PATH`. */
export function programFolders({ PATH = '' }: Readonly<Record<string, string>>): string[] {
  return PATH.split(path.delimiter).filter(folder => path.isAbsolute(folder));
}

/**
 * The first path in a text that may be missing or different on another machine, as a phrase; empty if there is none.
 */
export function namedHere(where: string, text: string): string[] {
  const found = text.matchAll(/(?:^|[=:,;"'\s(]|-[ILF])(\/[^\s:;,"'()]+)/gm);
  const own = [...found]
    .map(([, file]) => file!)
    .find(file => !/^\/(?:dev|proc)(?:\/|$)/.test(file) && !isOfSystem(file) && existsSync(file));
  return own === undefined ? [] : [`${where} names ${own}`];
}

/** A program's output, with names in place of directories whose location differs between machines. */
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

/** The installation directory of a program, without links; undefined if it cannot be found. */
function programDirectory(program: string | undefined): string | undefined {
  if (program === undefined || !path.isAbsolute(program)) return undefined;
  const directory = path.dirname(resolveReal(program));
  return path.basename(directory) === 'bin' ? path.dirname(directory) : directory;
}

/** Whether a directory also holds files that do not belong to the program. */
function isShared(directory: string, places: CommandPlaces): boolean {
  const { HOME } = pickEnvironment(['HOME']);
  const around = [places.directory, places.configDirectory, ...(HOME === undefined ? [] : [HOME])];
  return isOfSystem(directory) || around.some(inner => isInside(resolveReal(inner), directory));
}
