// Asks the compiler what macros the objects of a kept build use, while there is nothing else to do.
import { type KeptPlaces, saveRecords, unrecordedObjects } from './kept-build.ts';
import { MacroQuestions } from './used-macros.ts';

/** So many objects are asked before what they answered is remembered. */
const CHUNK = 96;

/**
 * Resolves to whether everything is recorded that can be.
 *
 * @param build the kept build directory
 * @param run runs a script where the build ran, which is described by `order`; resolves to whether it came to its end
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
