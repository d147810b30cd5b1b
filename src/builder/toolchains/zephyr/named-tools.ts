// The inputs of a build that belong to its compiler, named by where that is. In a directory that all kinds of programs share
// only the toolchain knows which files these are; elsewhere they are named by their paths alone.
import path from 'node:path';
import { isInside, resolveReal } from '../../../system/paths.ts';
import { pathInPlace, programIn, programPath } from '../../incremental/path-base.ts';
import type { UsedTools } from '../observed/index.ts';
import type { ObservedInputs, Surroundings } from '../toolchain.ts';

/** The same inputs, with names for what was used of the compiler. */
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
  // The compiler's name may lead to something else one day, wherever PATH leads.
  const program = programPath(path.basename(compiler));
  const isThere = programIn(folders, path.basename(compiler)) !== undefined;
  return {
    ...observed,
    files: [...observed.files.map(named), ...(isThere ? [program] : [])],
    directories: observed.directories.map(named),
    absent: [...observed.absent.filter(file => !looked.has(file)).map(named), ...(isThere ? [] : [program])],
  };
}
