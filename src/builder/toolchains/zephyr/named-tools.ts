// Names for those inputs of a build that belong to its compiler. In a directory shared by many programs, only the
// toolchain knows which files these are; elsewhere the path alone gives the name.
import path from 'node:path';
import { isInside, resolveReal } from '../../../system/paths.ts';
import { pathInPlace, programIn, programPath } from '../../inputs/path-base.ts';
import type { UsedTools } from '../observed/index.ts';
import type { ObservedInputs, Surroundings } from '../toolchain.ts';

/** The same inputs, with names for the compiler's files. */
export function nameTools(
  observed: ObservedInputs,
  tools: UsedTools,
  { places, folders }: Surroundings,
): ObservedInputs {
  const { compiler, files, absent, headers, own, inPath = [] } = tools;
  if (compiler === undefined) return observed;
  const place = places.find(({ directory }) => isInside(resolveReal(compiler), resolveReal(directory)));
  const used = new Set([...files, ...absent]);
  const isOfCompiler = (file: string) =>
    used.has(file) || [...headers, ...own].some(directory => isInside(path.normalize(file), directory));
  const named = (file: string) =>
    (place?.isShared && isOfCompiler(file) ? pathInPlace(file, place) : undefined) ?? file;
  const looked = new Set(inPath);
  // The compiler's name may lead to another program one day, depending on PATH.
  const program = programPath(path.basename(compiler));
  const isThere = programIn(folders, path.basename(compiler)) !== undefined;
  return {
    ...observed,
    files: [...observed.files.map(named), ...(isThere ? [program] : [])],
    directories: observed.directories.map(named),
    absent: [...observed.absent.filter(file => !looked.has(file)).map(named), ...(isThere ? [] : [program])],
  };
}
