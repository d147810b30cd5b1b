// Records the macros that the objects of a kept build use, by querying the compiler while the machine is idle.
import { type KeptPlaces, saveRecords, unrecordedObjects } from './kept-build.ts';
import { MacroQuestions } from './used-macros.ts';

/** Number of objects after which the answers are stored. */
const CHUNK = 96;

/**
 * Resolves to whether everything that can be recorded is recorded.
 *
 * @param build the kept build directory
 * @param run runs a script in the build's environment, described by `order`; resolves to whether it was completed
 */
export async function recordMacros(
  places: KeptPlaces,
  build: string,
  run: (script: string, order: unknown) => Promise<boolean>,
): Promise<boolean> {
  const unrecorded = unrecordedObjects(places, build);
  if (unrecorded === undefined) return true;
  const { objects, records, header, seen, order } = unrecorded;
  const questions = MacroQuestions.of(build, seen, header);
  if (questions === undefined) return true;
  for (let at = 0; at < objects.length; at += CHUNK) {
    let isWhole = true;
    const found = await questions.ask(objects.slice(at, at + CHUNK), async script => {
      isWhole = await run(script, order);
      return isWhole;
    });
    for (const [object, record] of found) records.set(object, record);
    if (found.size > 0 && !saveRecords(places, build, records)) return true;
    if (!isWhole) return false;
  }
  return true;
}
