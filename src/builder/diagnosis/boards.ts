// Board renames in Zephyr 4.1: finds the new or old name if a config and its ZMK are on different sides of the change.
import { closestMatch } from '../../config/closest-match.ts';

/** Names before and since Zephyr 4.1, from ZMK's announcement. Those that differ only by `//zmk` are left out. */
const RENAMED: Readonly<Record<string, string>> = {
  nice_nano: 'nice_nano@1//zmk',
  nice_nano_v2: 'nice_nano//zmk',
  nrfmicro_11: 'nrfmicro@1.1/nrf52840/zmk',
  nrfmicro_11_flipped: 'nrfmicro@1.1/nrf52840/flipped_zmk',
  nrfmicro_13: 'nrfmicro/nrf52840/zmk',
  nrfmicro_13_52833: 'nrfmicro/nrf52833/zmk',
  'mikoto@6.1': 'mikoto@6//zmk',
  'mikoto@7.2': 'mikoto@7//zmk',
  seeeduino_xiao_rp2040: 'xiao_rp2040//zmk',
  seeeduino_xiao_ble: 'xiao_ble//zmk',
  bt60_v1: 'bt60@1.0.0//zmk',
  bt60_v2: 'bt60@2.0.0//zmk',
  planck_rev6: 'planck//zmk',
  bdn9_rev2: 'bdn9//zmk',
  ferris_rev02: 'ferris//zmk',
  corneish_zen_v2_left: 'corneish_zen_left//zmk',
  corneish_zen_v2_right: 'corneish_zen_right//zmk',
  corneish_zen_v1_left: 'corneish_zen_left@1//zmk',
  corneish_zen_v1_right: 'corneish_zen_right@1//zmk',
};

/** The first Zephyr whose boards have variants, as ZMK uses them. */
const VARIANTS_SINCE = [4, 1] as const;

/**
 * The name of a missing board in the ZMK that was used, as a sentence; undefined if the name was not renamed. The
 * build's output tells the version of Zephyr.
 *
 * @param names the available boards, as far as the output lists them
 */
export function likelyBoard(
  board: string,
  lines: readonly string[],
  names: readonly string[],
): string | undefined {
  const [, major = 0, minor = 0] =
    lines
      .map(line => /^-- Zephyr version: (\d+)\.(\d+)/.exec(line))
      .find(match => match !== null)
      ?.map(Number) ?? [];
  if (major === 0) return undefined;
  const [first, second] = VARIANTS_SINCE;
  const used = `ZMK is built with Zephyr ${major}.${minor} here`;
  if (major > first || (major === first && minor >= second)) {
    const now = Object.hasOwn(RENAMED, board) ? RENAMED[board] : undefined;
    return now && `There is no board '${board}' any more: ${used}, where it is '${now}'.`;
  }
  if (!board.includes('/')) return undefined;
  const plain = board.replace(/[@/].*$/, '');
  const before =
    Object.entries(RENAMED).find(([, now]) => isSame(now, board))?.[0] ??
    (names.includes(plain) ? plain : closestMatch(plain, names));
  const remedy = before === undefined ? 'Use a newer ZMK' : `Write '${before}', or use a newer ZMK`;
  return `There is no board '${board}' yet: ${used}, where boards have no variants. ${remedy}.`;
}

/** Whether two names mean the same board: `nice_nano@2.0.0/nrf52840/zmk` is `nice_nano//zmk`. */
function isSame(a: string, b: string): boolean {
  const [one, other] = [parts(a), parts(b)];
  const isChip = one.chip === '' || other.chip === '' || one.chip === other.chip;
  return (
    isChip && one.name === other.name && one.revision === other.revision && one.variant === other.variant
  );
}

function parts(board: string) {
  const [, name = '', revision = '', chip = '', variant = ''] =
    /^([^@/]+)(?:@([\d.]+))?(?:\/([^/]*))?(?:\/(.*))?$/.exec(board) ?? [];
  const major = revision.replace(/(?:\.0)+$/, '');
  // These default to their second revision.
  const isDefault = major === '2' && /^(?:nice_nano|ferris|corneish_zen)/.test(name);
  return { name, revision: isDefault ? '' : major, chip, variant };
}
