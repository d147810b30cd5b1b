// Behaviors of this firmware by their ZMK names.
import type { BehaviorName, KeyBinding } from './keymap.ts';

/** ZMK's own behaviors by reference, with the kind of their parameter. */
export const BEHAVIORS: Record<
  string,
  { behavior: BehaviorName; takes: 'key' | 'modifier' | 'layer' | 'anything' | 'nothing' }
> = {
  '&kp': { behavior: 'KEY', takes: 'key' },
  '&sk': { behavior: 'STICKY_KEY', takes: 'modifier' },
  '&mo': { behavior: 'LAYER', takes: 'layer' },
  '&to': { behavior: 'TO_LAYER', takes: 'layer' },
  '&tog': { behavior: 'TOGGLE_LAYER', takes: 'layer' },
  '&trans': { behavior: 'TRANSPARENT', takes: 'nothing' },
  '&none': { behavior: 'NONE', takes: 'nothing' },
  '&sys_reset': { behavior: 'RESET', takes: 'nothing' },
  '&bootloader': { behavior: 'BOOTLOADER', takes: 'nothing' },
  // This firmware has no Bluetooth, so these keys do nothing.
  '&bt': { behavior: 'NONE', takes: 'anything' },
  '&out': { behavior: 'NONE', takes: 'anything' },
};

/** A behavior whose parameters are all 0. */
export function plain(behavior: BehaviorName): KeyBinding {
  return { behavior, index: 0, first: 0, second: 0 };
}

/** The behaviors that a keymap can use without defining them, for error messages. */
export function knownBehaviors(): string {
  return `This firmware has ${Object.keys(BEHAVIORS).join(' ')} &mt &lt, and those that the keymap defines.`;
}
