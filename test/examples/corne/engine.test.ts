// Behaviour of the example's firmware, compared with its keymap. Keys by position: row 0 is 0–11, row 1 12–23, row 2
// 24–35.
import test from 'ava';
import { remove, temporaryDirectory } from './driver.ts';
import { compileEngine, type EngineModule, Keyboard, type Report } from './engine.ts';

// Usages, from the USB HID Usage Tables 1.5, chapter 10.
const A = 0x04;
const F = 0x09;
const G = 0x0a;
const H = 0x0b;
const Q = 0x14;
const T = 0x17;
const V = 0x19;
const W = 0x1a;
const N2 = 0x1f;
const ESCAPE = 0x29;
const ENTER = 0x28;
const SPACE = 0x2c;
const MINUS = 0x2d;
const DOT = 0x37;
const F1 = 0x3a;
const HOME = 0x4a;
const END = 0x4d;
const LEFT = 0x50;
const LEFT_CONTROL = 0x01;
const LEFT_SHIFT = 0x02;
const LEFT_GUI = 0x08;

const NAV_THUMB = 37;
const SYM_THUMB = 40;

let directory: string;
let engine: EngineModule;

test.before(async () => {
  directory = await temporaryDirectory();
  engine = await compileEngine(directory);
});

test.after.always(() => remove(directory));

const down = (...keys: number[]): Report => ({ modifiers: 0, keys });
const held = (modifiers: number, ...keys: number[]): Report => ({ modifiers, keys });
const up = down();

test('a key is down while it is pressed', t => {
  const keyboard = new Keyboard(engine).press(5);
  t.deepEqual(keyboard.reports(), [down(T)]);
  t.deepEqual(keyboard.wait(500).reports(), []);
  t.deepEqual(keyboard.release(5).reports(), [up]);
});

test('keys that overlap are down together, in the order they were pressed', t => {
  const keyboard = new Keyboard(engine).press(5).wait(20).press(17).wait(20).release(5).wait(20).release(17);
  t.deepEqual(keyboard.reports(), [down(T), down(T, G), down(G), up]);
});

test('a key of a combo types itself when the other key does not follow', t => {
  const keyboard = new Keyboard(engine).press(1).wait(40);
  t.deepEqual(keyboard.reports(), [], 'not before the combo has become impossible');
  t.deepEqual(keyboard.wait(1).reports(), [down(Q)]);
  t.deepEqual(keyboard.release(1).reports(), [up]);
});

test('a key of a combo that is released early types itself', t => {
  t.deepEqual(new Keyboard(engine).press(1).wait(10).release(1).reports(), [down(Q), up]);
});

test('two keys at once are a combo, which ends with the first release', t => {
  const keyboard = new Keyboard(engine).press(1).wait(15).press(2).wait(30);
  t.deepEqual(keyboard.reports(), [down(ESCAPE)]);
  t.deepEqual(keyboard.release(1).wait(30).reports(), [up]);
  t.deepEqual(keyboard.release(2).wait(30).reports(), []);
});

test('two keys pressed too far apart in time are two keys', t => {
  const keyboard = new Keyboard(engine).press(1).wait(60).press(2).wait(60).release(1).release(2);
  t.deepEqual(keyboard.reports(), [down(Q), down(Q, W), down(W), up]);
});

test('during fast typing there are no combos', t => {
  const keyboard = new Keyboard(engine).press(5).wait(20).press(1).wait(10).press(2).wait(10);
  t.deepEqual(keyboard.reports(), [down(T), down(T, Q), down(T, Q, W)]);
});

test('a combo works only on its layers', t => {
  // K and L of the base layer are "up" and "right" of the navigation layer; the combo belongs to both.
  const both = new Keyboard(engine).press(NAV_THUMB).wait(250).press(20, 21).wait(10).release(20, 21);
  t.deepEqual(both.reports(), [down(ENTER), up]);
  // V and M are a combo on the base layer only.
  const base = new Keyboard(engine).press(28, 31).wait(10);
  t.deepEqual(base.reports(), [down(0x39)]);
  const navigation = new Keyboard(engine).press(NAV_THUMB).wait(250).press(28, 31).wait(10);
  t.deepEqual(navigation.reports(), [held(LEFT_CONTROL, V), held(0x04, V, LEFT)]);
});

test('tapping a home row key types a letter', t => {
  const keyboard = new Keyboard(engine).press(13).wait(100);
  t.deepEqual(keyboard.reports(), [], 'undecided');
  t.deepEqual(keyboard.release(13).reports(), [down(A), up]);
});

test('holding a home row key is a modifier', t => {
  const keyboard = new Keyboard(engine).press(13).wait(279);
  t.deepEqual(keyboard.reports(), [], 'undecided');
  t.deepEqual(keyboard.wait(1).reports(), [held(LEFT_GUI)]);
  t.deepEqual(keyboard.release(13).reports(), [up]);
});

test('a home row key around a key of the other hand is a modifier at once', t => {
  const keyboard = new Keyboard(engine).press(13).wait(50).press(18).wait(50);
  t.deepEqual(keyboard.reports(), [], 'it may still become a roll');
  t.deepEqual(keyboard.release(18).reports(), [held(LEFT_GUI), held(LEFT_GUI, H), held(LEFT_GUI)]);
  t.deepEqual(keyboard.release(13).reports(), [up]);
});

test('a home row key around a key of the same hand is a letter', t => {
  const keyboard = new Keyboard(engine)
    .press(13)
    .wait(50)
    .press(17)
    .wait(50)
    .release(17)
    .wait(50)
    .release(13);
  t.deepEqual(keyboard.reports(), [down(A), down(A, G), down(A), up]);
});

test('rolling from a home row key to the other hand types two letters, in order', t => {
  const keyboard = new Keyboard(engine)
    .press(13)
    .wait(50)
    .press(18)
    .wait(50)
    .release(13)
    .wait(50)
    .release(18);
  t.deepEqual(keyboard.reports(), [down(A), down(A, H), down(H), up]);
});

test('a home row key right after another letter is a letter at once', t => {
  const keyboard = new Keyboard(engine).press(5).wait(60).release(5).wait(60).press(16);
  t.deepEqual(keyboard.reports(), [down(T), up, down(F)]);
});

test('a home row key that is tapped and pressed again repeats its letter', t => {
  const keyboard = new Keyboard(engine).press(13).wait(30).release(13).wait(100).press(13).wait(500);
  t.deepEqual(keyboard.reports(), [down(A), up, down(A)]);
});

test('two home row modifiers of one hand hold together', t => {
  const keyboard = new Keyboard(engine).press(13).wait(10).press(16).wait(300);
  keyboard.press(18).wait(20).release(18).wait(20).release(13).release(16);
  t.deepEqual(keyboard.reports(), [
    held(LEFT_GUI),
    held(LEFT_GUI | LEFT_SHIFT),
    held(LEFT_GUI | LEFT_SHIFT, H),
    held(LEFT_GUI | LEFT_SHIFT),
    held(LEFT_SHIFT),
    up,
  ]);
});

test('releasing a key that was down before a hold-tap does not decide it', t => {
  const keyboard = new Keyboard(engine).press(18).wait(300).press(13).wait(20).release(18).wait(20);
  t.deepEqual(keyboard.reports(), [down(H), up]);
  t.deepEqual(keyboard.release(13).reports(), [down(A), up]);
});

test('a layer is active while its thumb key is held', t => {
  const keyboard = new Keyboard(engine).press(NAV_THUMB).wait(250).tap(18);
  t.deepEqual(keyboard.reports(), [down(LEFT), up]);
  t.deepEqual(keyboard.release(NAV_THUMB).wait(10).tap(18).reports(), [down(H), up]);
});

test('a thumb key that is tapped types a key, and activates no layer', t => {
  t.deepEqual(new Keyboard(engine).tap(NAV_THUMB).tap(18).reports(), [down(ESCAPE), up, down(H), up]);
});

test('a key keeps its meaning until it is released, whatever happens to its layer', t => {
  const keyboard = new Keyboard(engine)
    .press(NAV_THUMB)
    .wait(250)
    .press(18)
    .wait(10)
    .release(NAV_THUMB)
    .wait(10);
  t.deepEqual(keyboard.reports(), [down(LEFT)]);
  t.deepEqual(keyboard.release(18).reports(), [up]);
});

test('a transparent key has the meaning of the layer below', t => {
  const keyboard = new Keyboard(engine).press(NAV_THUMB).wait(250).tap(38);
  t.deepEqual(keyboard.reports(), [down(SPACE), up]);
});

test('a &none key does nothing', t => {
  t.deepEqual(new Keyboard(engine).press(NAV_THUMB).wait(250).tap(1).reports(), []);
});

test('both thumb keys together activate another layer', t => {
  const keyboard = new Keyboard(engine).press(NAV_THUMB).wait(250).press(SYM_THUMB).wait(250).tap(1);
  t.deepEqual(keyboard.reports(), [down(F1), up]);
  t.deepEqual(keyboard.release(SYM_THUMB).wait(10).tap(1).reports(), [], 'navigation again');
});

test('toggling an active layer deactivates it', t => {
  const toggle = (keyboard: Keyboard) =>
    keyboard.press(NAV_THUMB).wait(250).press(SYM_THUMB).wait(250).tap(24);
  const keyboard = toggle(new Keyboard(engine));
  t.deepEqual(
    keyboard.release(SYM_THUMB).wait(10).tap(18).reports(),
    [down(H), up],
    'off, though the thumb is down',
  );
  t.deepEqual(keyboard.release(NAV_THUMB).wait(10).tap(18).reports(), [down(H), up]);
});

test('one key can deactivate all layers above the base', t => {
  const keyboard = new Keyboard(engine).press(NAV_THUMB).wait(250).press(SYM_THUMB).wait(250).tap(29);
  t.deepEqual(keyboard.reports(), [], '`&to BASE` itself types nothing');
  t.deepEqual(keyboard.tap(18).reports(), [down(H), up], 'though both thumbs are still down');
});

test('media keys have their own report', t => {
  const keyboard = new Keyboard(engine).press(NAV_THUMB).wait(250).press(SYM_THUMB).wait(250).tap(20);
  t.deepEqual(keyboard.media(), [0xe9, 0]);
  t.deepEqual(keyboard.reports(), []);
});

test('the bootloader and a reset have one key each', t => {
  const keyboard = new Keyboard(engine).press(NAV_THUMB).wait(250).press(SYM_THUMB).wait(250);
  t.deepEqual(keyboard.resets, { application: 0, bootloader: 0 });
  t.deepEqual(keyboard.tap(0).resets, { application: 0, bootloader: 1 });
  t.deepEqual(keyboard.tap(12).resets, { application: 1, bootloader: 1 });
});

test('a key with its own modifier does not pass it on to the next', t => {
  const keyboard = new Keyboard(engine)
    .press(SYM_THUMB)
    .wait(250)
    .press(14)
    .wait(10)
    .release(SYM_THUMB)
    .press(5)
    .wait(10);
  t.deepEqual(keyboard.reports(), [held(LEFT_SHIFT, N2), down(N2, T)]);
  t.deepEqual(keyboard.release(14).release(5).reports(), [down(T), up]);
});

test('a macro types its keys one after another', t => {
  const keyboard = new Keyboard(engine).press(SYM_THUMB).wait(250).tap(26);
  t.deepEqual(keyboard.reports(), [down(MINUS), up, held(LEFT_SHIFT, DOT), up]);
});

test('a macro can hold a key down while it taps another', t => {
  const keyboard = new Keyboard(engine).press(NAV_THUMB).wait(250).tap(23);
  t.deepEqual(keyboard.reports(), [
    down(HOME),
    up,
    held(LEFT_SHIFT),
    held(LEFT_SHIFT, END),
    held(LEFT_SHIFT),
    up,
    held(LEFT_CONTROL, V),
    up,
  ]);
});

test('a macro begins when the previous one has finished', t => {
  const keyboard = new Keyboard(engine).press(SYM_THUMB).wait(250).press(26).wait(1).press(27).wait(1);
  keyboard.release(26, 27).wait(100);
  const typed = keyboard.reports().filter(report => report.keys.length > 0);
  t.deepEqual(
    typed.map(report => report.keys[0]),
    [MINUS, DOT, 0x26, 0x27, LEFT],
  );
});

test('a sticky shift applies to the next key only', t => {
  const keyboard = new Keyboard(engine).press(24).wait(20).release(24).wait(200).tap(5).tap(5);
  t.deepEqual(keyboard.reports(), [held(LEFT_SHIFT), held(LEFT_SHIFT, T), up, down(T), up]);
});

test('a sticky shift that is held is an ordinary one', t => {
  const keyboard = new Keyboard(engine).press(24).wait(20).tap(5).tap(17).release(24).wait(20).tap(5);
  t.deepEqual(keyboard.reports(), [
    held(LEFT_SHIFT),
    held(LEFT_SHIFT, T),
    held(LEFT_SHIFT),
    held(LEFT_SHIFT, G),
    held(LEFT_SHIFT),
    up,
    down(T),
    up,
  ]);
});

test('an unused sticky shift expires', t => {
  const keyboard = new Keyboard(engine).press(24).wait(20).release(24).wait(1499);
  t.deepEqual(keyboard.reports(), [held(LEFT_SHIFT)]);
  t.deepEqual(keyboard.wait(1).tap(5).reports(), [up, down(T), up]);
});

test('after any typing, with every key released, nothing is down', t => {
  // A fixed sequence of pseudo-random presses: the same in every run.
  let seed = 20240229;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  // Except the keys that reset, and those that leave a layer active.
  const positions = [...Array(42).keys()].filter(position => ![0, 12, 24].includes(position));
  for (let round = 0; round < 200; round++) {
    const keyboard = new Keyboard(engine);
    const pressed = new Set<number>();
    let last: Report | undefined;
    for (let event = 0; event < 40; event++) {
      const position = positions[random(positions.length)]!;
      if (pressed.delete(position)) {
        keyboard.release(position);
      } else {
        pressed.add(position);
        keyboard.press(position);
      }
      keyboard.wait(random(120));
      last = keyboard.reports().at(-1) ?? last;
    }
    keyboard.release(...pressed).wait(2500);
    last = keyboard.reports().at(-1) ?? last;
    t.deepEqual(last ?? up, up, `round ${round}`);
    t.deepEqual(keyboard.press(5).wait(45).reports(), [down(T)], `round ${round}: the base layer`);
  }
});
