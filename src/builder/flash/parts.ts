// Parts of a keyboard: which targets are flashed together, in which order, and what they are called.
import { didYouMean } from '../../config/closest-match.ts';
import { InvalidArgumentError } from '../../errors.ts';
import type { Target } from '../matrix/target.ts';

const LEFT = /_(?:left|lh)$/;
const RIGHT = /_(?:right|rh)$/;

/** The part of a keyboard that a target is for, for a sentence: `the left half`, `the keyboard`. */
export function partOf(target: Target): string {
  const side = sideOf(target);
  return side === undefined ? 'the keyboard' : `the ${side} half`;
}

function sideOf(target: Target): 'left' | 'right' | undefined {
  const names = namesOf(target);
  if (names.some(name => LEFT.test(name))) return 'left';
  return names.some(name => RIGHT.test(name)) ? 'right' : undefined;
}

/** Board and shields without qualifiers: `corneish_zen_v2_left@2//zmk` is `corneish_zen_v2_left`. */
function namesOf({ board, shield = '' }: Target): string[] {
  return [board, ...shield.split(/\s+/)].map(name => name.replace(/[@/].*$/, '')).filter(name => name !== '');
}

/** Identifies the keyboard that a target is a part of. Displays and adapters may differ between its halves. */
function keyboardOf(target: Target): string {
  const names = namesOf(target).slice(0, 2);
  return names.map(name => name.replace(LEFT, '').replace(RIGHT, '')).join(' ');
}

/**
 * The targets to flash, the left half first.
 *
 * @param wanted an artifact name, or a part of artifact names. Default: all targets but those that reset settings
 *
 * @throws InvalidArgumentError unless they are the parts of one keyboard
 */
export function partsToFlash(targets: readonly Target[], wanted?: string): Target[] {
  const names = targets.map(({ artifactName }) => artifactName);
  const exact = targets.filter(({ artifactName }) => artifactName === wanted);
  const found =
    exact.length > 0
      ? exact
      : wanted === undefined
        ? targets.filter(target => !isReset(target))
        : targets.filter(({ artifactName }) => artifactName.includes(wanted));
  if (found.length === 0) {
    const what = wanted === undefined ? 'There is no target to flash.' : `No target is called '${wanted}'.`;
    throw new InvalidArgumentError(
      `${what} There are: ${names.join(', ')}.${wanted === undefined ? '' : didYouMean(wanted, names)}`,
    );
  }
  const keyboards = Map.groupBy(found, keyboardOf);
  if (keyboards.size > 1) {
    throw new InvalidArgumentError(
      `These are several keyboards: ${found.map(({ artifactName }) => artifactName).join(', ')}. ` +
        'Name a target, or the part of its name that all targets of your keyboard share.',
    );
  }
  const rank = (target: Target) => ['left', undefined, 'right'].indexOf(sideOf(target));
  return found.toSorted((a, b) => rank(a) - rank(b));
}

/** Whether the firmware only erases settings, and is not a keyboard. */
function isReset(target: Target): boolean {
  return namesOf(target).includes('settings_reset');
}
