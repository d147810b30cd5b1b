// Flashing from the command line: the targets to build for it, and what is printed meanwhile.
import { resolve } from 'node:path';
import { drivePlaces } from '../../builder/flash/drives.ts';
import { type FlashEvent, type FlashPart, flash } from '../../builder/flash/flash.ts';
import { partOf, partsToFlash } from '../../builder/flash/parts.ts';
import type { BuildOptions } from '../../builder/options.ts';
import { type Plan, planBuild } from '../../builder/plan.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import type { Recording } from '../report/recording.ts';
import { formatDuration, sanitizeLine } from '../terminal/text.ts';

export interface FlashFlags {
  /** An artifact name or a part of one. Default: all parts of the keyboard, and all targets are built */
  flashTarget?: string;
  drive?: string;
  json?: boolean;
}

/** The plan of a build for flashing, and the targets that are flashed after it, in order. */
export async function planFlash(
  options: BuildOptions,
  { flashTarget }: FlashFlags,
): Promise<{ plan: Plan; isPartial: boolean; parts: Plan['targets'] }> {
  const plan = await planBuild(options);
  const parts = partsToFlash(plan.targets, flashTarget);
  if (flashTarget === undefined) return { plan, isPartial: false, parts };
  const targets = plan.targets.filter(target => parts.includes(target));
  return { plan: { ...plan, targets }, isPartial: targets.length < plan.targets.length, parts };
}

/** Flashes targets that were built. Rejects with `FlashError`, and with the signal's reason if it aborts. */
export async function flashTargets(
  context: Context,
  targets: Plan['targets'],
  recording: Recording,
  { drive, json }: FlashFlags,
  signal: AbortSignal,
): Promise<void> {
  const parts = targets.map((target): FlashPart => {
    const { artifactName } = target;
    const files = recording.targets.get(artifactName)?.finished?.files ?? [];
    const file = files.find(name => name.endsWith('.uf2'));
    if (file === undefined) {
      throw new UsageError(
        `${artifactName} has no UF2 file, so it is not flashed by copying. Use the tool of your boot loader.`,
      );
    }
    return { target: artifactName, part: partOf(target), file };
  });
  const place = drive === undefined ? undefined : resolve(context.cwd, drive);
  await flash(parts, {
    ...{ drive: place, signal },
    onEvent: event => {
      if (json) context.print(JSON.stringify(event));
      else for (const line of flashLines(event, place ?? drivePlaces(), context)) context.print(line);
    },
  });
}

function flashLines(event: FlashEvent, places: string, { style }: Context): string[] {
  const { part, target } = event;
  switch (event.type) {
    case 'flash-waiting':
      return [
        '',
        `${style.bold(`Put ${part} into its boot loader`)} (${target}): press its reset button twice.`,
        `Waiting for its drive in ${places}. Ctrl-C ends; --drive names another place.`,
      ];
    case 'flash-refused':
      return [
        `${style.warning('Not written:')} ${sanitizeLine(event.boardId)} at ${sanitizeLine(event.drive)}. ${sanitizeLine(event.why)}`,
      ];
    case 'flash-copying': {
      const { boardId, model, drive } = event;
      const name = sanitizeLine(model === undefined ? boardId : `${model}, Board-ID ${boardId}`);
      return [`Copying to ${sanitizeLine(drive)} (${name})`];
    }
    case 'flash-finished':
      return [`${style.good('✔')} ${target} is on ${part}, in ${formatDuration(event.duration)}`];
  }
}
