// Key legends: short texts in a typist's words.
import type { Binding, Layout } from '../layout.ts';

/** The tap action, and below it the hold action or the kind of key. */
export interface Legend {
  tap: string;
  hold?: string;
}

/** Behaviors whose one parameter is a layer. */
const LAYER_BEHAVIORS = new Set(['mo', 'to', 'tog', 'sl']);

/** Behaviors without parameters that have a common short name. */
const NAMES: Readonly<Record<string, string>> = {
  trans: '▽',
  none: '✕',
  caps_word: 'Caps word',
  key_repeat: 'Repeat',
  gresc: 'Esc `~',
  bootloader: 'Boot',
  sys_reset: 'Reset',
  soft_off: 'Off',
  studio_unlock: 'Studio',
};

/** Legends of key codes. Codes that are not listed are shown as they are written. */
const KEYS: Readonly<Record<string, string>> = Object.fromEntries(
  `
  MINUS - | EQUAL = | COMMA , | DOT . | PERIOD . | FSLH / | SLASH / | BSLH \\ | BACKSLASH \\ | SEMI ; | SEMICOLON ;
  SQT ' | APOS ' | APOSTROPHE ' | SINGLE_QUOTE ' | DQT " | DOUBLE_QUOTES " | GRAVE \` | TILDE ~ | EXCL ! | EXCLAMATION !
  AT @ | AT_SIGN @ | HASH # | POUND # | DLLR $ | DOLLAR $ | PRCNT % | PERCENT % | CARET ^ | AMPS & | AMPERSAND &
  ASTRK * | ASTERISK * | STAR * | LPAR ( | LEFT_PARENTHESIS ( | RPAR ) | RIGHT_PARENTHESIS ) | UNDER _ | UNDERSCORE _
  PLUS + | COLON : | QMARK ? | QUESTION ? | LT < | LESS_THAN < | GT > | GREATER_THAN > | PIPE |
  LBKT [ | LEFT_BRACKET [ | RBKT ] | RIGHT_BRACKET ] | LBRC { | LEFT_BRACE { | RBRC } | RIGHT_BRACE }
  NUHS NUHS | NUBS NUBS | NON_US_BSLH NUBS | NON_US_BACKSLASH NUBS
  LEFT ← | LEFT_ARROW ← | UP ↑ | UP_ARROW ↑ | RIGHT → | RIGHT_ARROW → | DOWN ↓ | DOWN_ARROW ↓
  SPACE Space | TAB Tab | ESC Esc | ESCAPE Esc | RET Enter | RETURN Enter | ENTER Enter | BSPC Bksp | BACKSPACE Bksp
  DEL Del | DELETE Del | INS Ins | INSERT Ins | HOME Home | END End | PG_UP PgUp | PAGE_UP PgUp | PG_DN PgDn
  PAGE_DOWN PgDn | CAPS Caps | CAPSLOCK Caps | CLCK Caps | PSCRN PrtSc | PRINTSCREEN PrtSc | SLCK ScrLk
  SCROLLLOCK ScrLk | PAUSE_BREAK Pause | K_APP Menu | K_CONTEXT_MENU Menu
  LSHFT Shift | LSHIFT Shift | LEFT_SHIFT Shift | RSHFT RShft | RSHIFT RShft | RIGHT_SHIFT RShft
  LCTRL Ctrl | LEFT_CONTROL Ctrl | RCTRL RCtrl | RIGHT_CONTROL RCtrl | LALT Alt | LEFT_ALT Alt | RALT RAlt
  RIGHT_ALT RAlt | LGUI GUI | LEFT_GUI GUI | LWIN GUI | LCMD GUI | LMETA GUI | RGUI RGUI | RIGHT_GUI RGUI
  C_VOL_UP Vol+ | C_VOLUME_UP Vol+ | C_VOL_DN Vol- | C_VOLUME_DOWN Vol- | C_MUTE Mute | C_PP Play | C_PLAY_PAUSE Play
  C_PLAY Play | C_NEXT Next | C_PREV Prev | C_PREVIOUS Prev | C_STOP Stop | C_BRI_UP Bri+ | C_BRIGHTNESS_INC Bri+
  C_BRI_DN Bri- | C_BRIGHTNESS_DEC Bri- | K_MUTE Mute | K_VOL_UP Vol+ | K_VOL_DN Vol-
  BT_CLR clear | BT_CLR_ALL clr all | BT_NXT next | BT_PRV prev | OUT_TOG toggle | OUT_USB USB | OUT_BLE BLE
  LCLK left | MB1 left | RCLK right | MB2 right | MCLK middle | MB3 middle | MB4 back | MB5 forward
  MOVE_UP ↑ | MOVE_DOWN ↓ | MOVE_LEFT ← | MOVE_RIGHT → | SCRL_UP ↑ | SCRL_DOWN ↓ | SCRL_LEFT ← | SCRL_RIGHT →
`
    .split(/ \| |\n/)
    .map(pair => pair.trim())
    .filter(pair => pair !== '')
    .map(pair => [pair.slice(0, pair.indexOf(' ')), pair.slice(pair.indexOf(' ') + 1)]),
);

/** The legend of a binding. Its parameters may be layer numbers of `layout`. */
export function legendOf({ behavior, parameters }: Binding, layout: Layout): Legend {
  const [first, second] = parameters;
  if (first === undefined) return { tap: NAMES[behavior] ?? behavior };
  if (behavior === 'kp') return { tap: parameters.map(keyName).join(' ') };
  if (behavior === 'sk') return { tap: keyName(first), hold: 'once' };
  if (behavior === 'kt') return { tap: keyName(first), hold: 'lock' };
  if (LAYER_BEHAVIORS.has(behavior)) return { tap: layerName(first, layout), hold: behavior };
  if (behavior === 'lt' && second !== undefined)
    return { tap: keyName(second), hold: layerName(first, layout) };
  if (behavior === 'bt') return { tap: 'BT', hold: second === undefined ? keyName(first) : second };
  // Two parameters nearly always belong to a custom hold-tap: the hold action, then the tap action. A 0 stands
  // where the behavior itself decides.
  if (second !== undefined && parameters.length === 2) {
    const [hold, tap] = [first, second].map(code => (code === '0' ? behavior : keyName(code))) as [
      string,
      string,
    ];
    return hold === tap ? { tap } : { tap, hold };
  }
  return { tap: parameters.map(keyName).join(' '), hold: behavior };
}

/** The display name of a layer, when its number is certain. A parameter that is not a number is already a name. */
function layerName(number: string, { layers, isIncomplete }: Layout): string {
  const layer = /^\d+$/.test(number) && !isIncomplete ? layers[Number(number)] : undefined;
  return layer === undefined ? number : (layer.displayName ?? layer.name.replace(/_layer$/, ''));
}

function keyName(code: string): string {
  const [, inBrackets] = /^\((\w+)\)$/.exec(code) ?? [];
  if (inBrackets !== undefined) return keyName(inBrackets);
  // Left and right modifiers have the same effect: `LC(LS(Z))` is `C-S-Z`.
  const [, modifier, inner] = /^[LR]([CSAG])\((.*)\)$/.exec(code) ?? [];
  if (modifier !== undefined) return `${modifier}-${keyName(inner!.trim())}`;
  if (Object.hasOwn(KEYS, code)) return KEYS[code]!;
  return /^(?:N|NUMBER_)(\d)$/.exec(code)?.[1] ?? code.replace(/^(?:KP_N|KP_NUMBER_)(?=\d$)/, 'KP ');
}
