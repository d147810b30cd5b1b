// A session of random edits on a config of one shape: after each edit some targets are built, and the result, cached or
// not, is what a build without a cache makes.
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { writeFiles } from '../toolchains/observed/workspace.ts';
import { type Edit, Editor, edit, pick } from './editor.ts';
import { EnvironmentEditor, type Move, move } from './environment-editor.ts';
import { Keyboards } from './keyboards.ts';
import { SHAPES } from './shapes.ts';

/** After so many failed builds in a row everything is reset to the original state. */
const MAX_FAILURES = 3;

/** A change, of the config or around it. */
export const happening = fc.oneof(
  { weight: 2, arbitrary: edit.map(one => ({ where: 'config' as const, one })) },
  { weight: 3, arbitrary: move.map(one => ({ where: 'around' as const, one })) },
);
export type Happening = { where: 'config'; one: Edit } | { where: 'around'; one: Move };

/** Counts of all sessions. */
export class Counts {
  sessions = 0;
  builds = 0;
  /** Cached results, each compared with a build without a cache. */
  cached = 0;
  compiled = 0;
  failed = 0;
  /** Builds that were prevented from being cached. */
  unkept = 0;
  readonly edits = new Map<string, number>();

  edited(kind: string): void {
    this.edits.set(kind, (this.edits.get(kind) ?? 0) + 1);
  }
}

/** A result that differs from that of a build without a cache. */
export class Violation extends Error {}

/** Goes through all changes, or until `isOver`. Rejects with {@link Violation}. */
export async function runSession(
  shapeName: string,
  happenings: readonly Happening[],
  counts: Counts,
  isOver: () => boolean = () => false,
): Promise<void> {
  const shape = SHAPES[shapeName]!;
  const keyboards = new Keyboards({});
  const own = Object.entries(shape.files).flatMap(([file, content]): [string, string][] =>
    file.startsWith('repository/') ? [[file.slice('repository/'.length), content]] : [],
  );
  const editor = new Editor(
    keyboards.repository,
    shape.targets,
    () => keyboards.changeWorkspace(),
    Object.fromEntries(own),
  );
  const environmentEditor = new EnvironmentEditor(keyboards);
  const history: string[] = [];
  counts.sessions++;
  try {
    const restore = () => {
      for (const [place, target] of Object.entries(shape.links ?? {})) {
        const at = path.join(keyboards.root, place);
        mkdirSync(path.dirname(at), { recursive: true });
        rmSync(at, { recursive: true, force: true });
        symlinkSync(target, at);
      }
      for (const [file, content] of Object.entries(shape.files)) {
        const at = path.join(keyboards.root, file);
        if (!existsSync(path.dirname(at))) rmSync(path.dirname(at), { force: true });
        rmSync(at, { recursive: true, force: true });
        writeFiles(keyboards.root, { [file]: content });
      }
    };
    restore();
    let failures = 0;
    for (const [index, { where, one }] of happenings.entries()) {
      if (isOver()) return;
      // A config that cannot be built tests nothing.
      if (failures >= MAX_FAILURES) {
        try {
          restore();
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === undefined) throw error;
        }
        failures = 0;
      }
      const done =
        where === 'config'
          ? editor.do(one) && `config: ${one.kind}`
          : environmentEditor.do(one.a % 5 < 3 ? { ...one, kind: pick(shape.often, one.b + one.c) } : one);
      if (done) counts.edited(done);
      history.push(`${index} ${done || 'nothing'} ${JSON.stringify(one)}`);
      const { targets } = editor;
      // Some targets each time, all now and then, so that cached results differ in age.
      const asked =
        index % 10 === 9 ? targets : [pick(targets, one.c), pick(targets, one.c + 1 + (one.b % 4))];
      for (const target of asked) {
        const wasMishap = keyboards.mishap;
        const expected = keyboards.fresh(target);
        const made = await keyboards.make(target);
        const isDeliberate = wasMishap !== undefined && keyboards.mishap === undefined;
        counts.builds++;
        failures = 'failure' in made ? failures + 1 : 0;
        if ('failure' in made) counts.failed++;
        else if (made.source === 'cache') counts.cached++;
        else counts.compiled++;
        const firmware = 'failure' in made ? undefined : made.firmware;
        if (firmware === expected || (firmware === undefined && isDeliberate)) continue;
        throw new Violation(
          [
            `${shapeName}: ${JSON.stringify(target)} gave ${JSON.stringify(made)}, and not ${expected}, after`,
            ...history.slice(-30),
          ].join('\n'),
        );
      }
    }
  } finally {
    counts.unkept += keyboards.warnings.length;
    await keyboards.close();
  }
}
