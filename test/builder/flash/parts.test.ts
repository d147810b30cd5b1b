import test from 'ava';
import { partOf, partsToFlash } from '../../../src/builder/flash/parts.ts';
import type { Target } from '../../../src/builder/matrix/target.ts';

const target = (board: string, shield?: string): Target => ({
  ...{ board, artifactName: `${shield === undefined ? '' : `${shield}-`}${board.replaceAll('/', '_')}-zmk` },
  ...(shield !== undefined && { shield }),
});

const CORNE = [
  target('nice_nano_v2', 'settings_reset'),
  target('nice_nano_v2', 'corne_right nice_view_adapter nice_view'),
  target('nice_nano_v2', 'corne_left nice_view_adapter nice_view'),
];

const parts = (targets: Target[], wanted?: string) => partsToFlash(targets, wanted).map(partOf);

test('the left half comes first, and a target that resets settings only by name', t => {
  t.deepEqual(parts(CORNE), ['the left half', 'the right half']);
  t.deepEqual(parts(CORNE, 'right'), ['the right half']);
  t.deepEqual(parts(CORNE, 'settings_reset'), ['the keyboard']);
  t.deepEqual(parts(CORNE, CORNE[1]!.artifactName), ['the right half']);
});

test('halves that are boards, and keyboards of one part, are recognised as well', t => {
  t.deepEqual(parts([target('glove80_rh'), target('glove80_lh')]), ['the left half', 'the right half']);
  t.deepEqual(parts([target('corneish_zen_left@2//zmk'), target('corneish_zen_right@2//zmk')]), [
    'the left half',
    'the right half',
  ]);
  t.deepEqual(parts([target('planck_rev6')]), ['the keyboard']);
});

test('targets of several keyboards, and unknown ones, are refused by name', t => {
  const all = [...CORNE, target('nice_nano_v2', 'cradio_left')];
  const refused = (wanted?: string) =>
    t.throws(() => partsToFlash(all, wanted), { code: 'GLOVEBOX_INVALID_ARGUMENT' })!.message;
  t.regex(refused(), /^These are several keyboards: corne_right.*cradio_left/);
  t.regex(refused('left'), /several keyboards/);
  t.deepEqual(parts(all, 'cradio'), ['the left half']);
  t.regex(refused('cradio_left-nice_nano_v2-zmkk'), /No target is called .* Did you mean 'cradio_left/);
  t.regex(
    t.throws(() => partsToFlash([CORNE[0]!]))!.message,
    /^There is no target to flash. There are: settings_reset/,
  );
});
