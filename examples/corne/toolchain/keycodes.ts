// ZMK's key code names and their HID usages.

const KEYBOARD = 0x07_0000;
const CONSUMER = 0x0c_0000;

const MODIFIERS = { LC: 0x01, LS: 0x02, LA: 0x04, LG: 0x08, RC: 0x10, RS: 0x20, RA: 0x40, RG: 0x80 } as const;

/** Names by usage of the keyboard page, from `dt-bindings/zmk/keys.h`. */
const PLAIN: Record<number, string> = {
  40: 'RET RETURN ENTER',
  41: 'ESC ESCAPE',
  42: 'BSPC BACKSPACE',
  43: 'TAB',
  44: 'SPACE',
  45: 'MINUS',
  46: 'EQUAL',
  47: 'LBKT LEFT_BRACKET',
  48: 'RBKT RIGHT_BRACKET',
  49: 'BSLH BACKSLASH',
  50: 'NUHS NON_US_HASH',
  51: 'SEMI SEMICOLON',
  52: 'SQT SINGLE_QUOTE APOSTROPHE APOS',
  53: 'GRAVE',
  54: 'COMMA',
  55: 'DOT PERIOD',
  56: 'FSLH SLASH',
  57: 'CAPS CAPSLOCK CLCK',
  70: 'PSCRN PRINTSCREEN',
  71: 'SLCK SCROLLLOCK',
  72: 'PAUSE_BREAK',
  73: 'INS INSERT',
  74: 'HOME',
  75: 'PG_UP PAGE_UP',
  76: 'DEL DELETE',
  77: 'END',
  78: 'PG_DN PAGE_DOWN',
  79: 'RIGHT RIGHT_ARROW',
  80: 'LEFT LEFT_ARROW',
  81: 'DOWN DOWN_ARROW',
  82: 'UP UP_ARROW',
  83: 'KP_NUM KP_NUMLOCK KP_NLCK',
  84: 'KP_DIVIDE KP_SLASH',
  85: 'KP_MULTIPLY KP_ASTERISK',
  86: 'KP_MINUS KP_SUBTRACT',
  87: 'KP_PLUS',
  88: 'KP_ENTER',
  98: 'KP_N0 KP_NUMBER_0',
  99: 'KP_DOT',
  100: 'NUBS NON_US_BSLH NON_US_BACKSLASH',
  101: 'K_APP K_APPLICATION K_CONTEXT_MENU',
  103: 'KP_EQUAL',
  224: 'LCTRL LEFT_CONTROL LCTL',
  225: 'LSHFT LSHIFT LEFT_SHIFT',
  226: 'LALT LEFT_ALT',
  227: 'LGUI LEFT_GUI LWIN LEFT_WIN LCMD LEFT_COMMAND LMETA LEFT_META',
  228: 'RCTRL RIGHT_CONTROL RCTL',
  229: 'RSHFT RSHIFT RIGHT_SHIFT',
  230: 'RALT RIGHT_ALT',
  231: 'RGUI RIGHT_GUI RWIN RIGHT_WIN RCMD RIGHT_COMMAND RMETA RIGHT_META',
};

/** Names that ZMK defines as a key with left shift. */
const SHIFTED: Record<number, string> = {
  30: 'EXCL EXCLAMATION',
  31: 'AT AT_SIGN',
  32: 'HASH POUND',
  33: 'DLLR DOLLAR',
  34: 'PRCNT PERCENT',
  35: 'CARET',
  36: 'AMPS AMPERSAND',
  37: 'STAR ASTRK ASTERISK',
  38: 'LPAR LEFT_PARENTHESIS',
  39: 'RPAR RIGHT_PARENTHESIS',
  45: 'UNDER UNDERSCORE',
  46: 'PLUS',
  47: 'LBRC LEFT_BRACE',
  48: 'RBRC RIGHT_BRACE',
  49: 'PIPE',
  51: 'COLON',
  52: 'DQT DOUBLE_QUOTES',
  53: 'TILDE',
  54: 'LT LESS_THAN',
  55: 'GT GREATER_THAN',
  56: 'QMARK QUESTION',
};

const MEDIA: Record<number, string> = {
  48: 'C_PWR C_POWER',
  111: 'C_BRI_UP C_BRI_INC C_BRIGHTNESS_INC',
  112: 'C_BRI_DN C_BRI_DEC C_BRIGHTNESS_DEC',
  176: 'C_PLAY',
  177: 'C_PAUSE',
  179: 'C_FF C_FAST_FORWARD',
  180: 'C_RW C_REWIND',
  181: 'C_NEXT',
  182: 'C_PREV C_PREVIOUS',
  183: 'C_STOP',
  184: 'C_EJECT',
  205: 'C_PP C_PLAY_PAUSE',
  226: 'C_MUTE',
  233: 'C_VOL_UP C_VOLUME_UP',
  234: 'C_VOL_DN C_VOLUME_DOWN',
};

const usages = new Map<string, number>();

function name(names: string, usage: number): void {
  for (const each of names.split(' ')) usages.set(each, usage);
}

for (let i = 0; i < 26; i++) name(String.fromCharCode(65 + i), KEYBOARD + 4 + i);
for (let i = 1; i <= 10; i++) name(`N${i % 10} NUMBER_${i % 10}`, KEYBOARD + 29 + i);
for (let i = 1; i <= 12; i++) name(`F${i}`, KEYBOARD + 57 + i);
for (let i = 13; i <= 24; i++) name(`F${i}`, KEYBOARD + 91 + i);
for (let i = 1; i <= 9; i++) name(`KP_N${i} KP_NUMBER_${i}`, KEYBOARD + 88 + i);
for (const [usage, names] of Object.entries(PLAIN)) name(names, KEYBOARD + Number(usage));
for (const [usage, names] of Object.entries(SHIFTED)) {
  name(names, MODIFIERS.LS * 0x100_0000 + KEYBOARD + Number(usage));
}
for (const [usage, names] of Object.entries(MEDIA)) name(names, CONSUMER + Number(usage));

/**
 * The usage of a key code such as `A` or `LC(LS(Z))` in ZMK's encoding: modifiers in the top byte, page, usage.
 * Undefined for an unknown key code.
 */
export function usageOf(code: string): number | undefined {
  const wrapped = /^([LR][CSAG])\s*\((.*)\)$/s.exec(code.trim());
  if (!wrapped) return usages.get(code.trim());
  const inner = usageOf(wrapped[2]!);
  const modifier = MODIFIERS[wrapped[1] as keyof typeof MODIFIERS];
  return inner === undefined ? undefined : (inner | (modifier << 24)) >>> 0;
}

/** Whether a usage is a modifier key itself. */
export function isModifier(usage: number): boolean {
  return usage >= KEYBOARD + 224 && usage <= KEYBOARD + 231;
}
