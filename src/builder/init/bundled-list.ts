// Keyboards and controllers of ZMK v0.3, for a machine without ZMK's sources. Made by docs/keyboards.ts.

/** The version of ZMK that has all of them. */
export const BUNDLED_REVISION = 'v0.3';

/** Id, name, connectors of a shield or `board`, parts unless it has one, keys in each row of the default keymap. */
export const BUNDLED_KEYBOARDS = `
a_dux | A. Dux | pro_micro | a_dux_left a_dux_right | 10 10 10 4
adv360pro | Advantage 360 Pro | board | adv360pro_left adv360pro_right | 14 14 18 14 16
bat43 | BAT43 | pro_micro |  | 12 13 12 6 5
bdn9_rev2 | BDN9 Rev2 | board |  | 3 3 3
bfo9000 | BFO-9000 | pro_micro | bfo9000_left bfo9000_right | 18 18 18 18 18 18
boardsource3x4 | Boardsource 3x4 Macropad | pro_micro |  | 4 4 4
boardsource5x12 | Boardsource 5x12 | pro_micro |  | 12 12 12 12 12
bt60_v1 | BT60 V1 Soldered | board |  | 14 14 13 12 9
bt60_v1_hs | BT60 V1 Hotswap | board |  | 14 14 13 12 8
bt60_v2 | BT60 V2 | board |  | 14 14 13 12 8
bt65_v1 | BT65 | board |  | 15 15 14 14 10
bt75_v1 | BT75 V1 | board |  | 16 15 15 14 14 10
chalice | Chalice | pro_micro |  | 15 15 14 14 10
clog | Clog | pro_micro | clog_left clog_right | 8 12 10 4
contra | Contra | pro_micro |  | 12 12 12 12
corne | Corne | pro_micro | corne_left corne_right | 12 12 12 6
corneish_zen_v1 | Corneish Zen v1 | board | corneish_zen_v1_left corneish_zen_v1_right | 
corneish_zen_v2 | Corneish Zen v2 | board | corneish_zen_v2_left corneish_zen_v2_right | 
cradio | Cradio/Sweep | pro_micro | cradio_left cradio_right | 10 10 10 4
crbn | CRBN Featherlight | pro_micro |  | 12 12 12 12
eek | eek! | pro_micro |  | 10 10 10 6
elephant42 | Elephant42 | pro_micro | elephant42_left elephant42_right | 12 12 10 8
ergodash | Ergodash | pro_micro | ergodash_left ergodash_right | 14 14 14 14 14
eternal_keypad | Eternal Keypad | pro_micro |  | 7 7 8 8 6
eternal_keypad_lefty | Eternal Keypad Lefty | pro_micro |  | 7 7 8 8 6
ferris_rev02 | Ferris 0.2 | board |  | 10 10 10 4
fourier | Fourier Rev. 1 | pro_micro | fourier_left fourier_right | 13 12 12 10
glove80 | Glove80 | board | glove80_lh glove80_rh | 10 12 12 12 18 16
helix | Helix | pro_micro | helix_left helix_right | 12 12 12 14 14
hummingbird | Hummingbird | seeed_xiao |  | 10 10 6 4
iris | Iris | pro_micro | iris_left iris_right | 12 12 12 14 6
jian | Jian | pro_micro | jian_left jian_right | 14 12 12 6
jiran | Jiran | pro_micro | jiran_left jiran_right | 12 14 12 12 6
jorne | Jorne | pro_micro | jorne_left jorne_right | 14 12 12 6
kbdfans_tofu65_v2 | KBDfans Tofu65 2.0 | board |  | 15 15 14 14 10
knob_goblin | Knob Goblin | pro_micro |  | 5 5 5 5 5
kyria | Kyria | pro_micro | kyria_left kyria_right | 12 12 16 10
kyria_rev2 | Kyria Rev2 | pro_micro | kyria_rev2_left kyria_rev2_right | 12 12 16 10
kyria_rev3 | Kyria Rev3 | pro_micro | kyria_rev3_left kyria_rev3_right | 12 12 16 10
leeloo | Leeloo | pro_micro | leeloo_left leeloo_right | 12 12 12 14 8
leeloo_micro | Leeloo-Micro | pro_micro | leeloo_micro_left leeloo_micro_right | 10 10 12 8
leeloo_rev2 | Leeloo v2 | pro_micro | leeloo_rev2_left leeloo_rev2_right | 12 12 12 14 8
lily58 | Lily58 | pro_micro | lily58_left lily58_right | 12 12 12 14 8
lotus58 | Lotus58 | pro_micro | lotus58_left lotus58_right | 12 12 14 14 8
m60 | MakerDiary m60 | makerdiary_nrf52840_m2 |  | 14 14 13 12 8
microdox | Microdox | pro_micro | microdox_left microdox_right | 10 10 10 6
microdox_v2 | Microdox V2 | pro_micro | microdox_v2_left microdox_v2_right | 
murphpad | MurphPad | pro_micro |  | 4 4 4 5 5 5 3
naked60 | Naked60 | pro_micro |  | 12 12 12 12 12
nibble | Nibble | pro_micro |  | 15 16 15 16 11
nice60 | nice!60 | board |  | 14 14 13 12 8
osprette | Osprette | pro_micro |  | 8 12 10 4
pancake | Pancake | pro_micro |  | 12 12 12 12
planck_rev6 | Planck Rev6 | board |  | 12 12 12 12
preonic_rev3 | Preonic Rev3 | board |  | 12 12 12 12 12
qaz | QAZ | pro_micro |  | 10 10 9 8
quefrency | Quefrency Rev. 1 | pro_micro | quefrency_left quefrency_right | 15 15 14 14 12
redox | Redox | pro_micro | redox_left redox_right | 12 14 14 16 14
reviung34 | REVIUNG34 | pro_micro |  | 10 10 10 4
reviung41 | REVIUNG41 | pro_micro |  | 12 12 12 5
reviung5 | REVIUNG5 | pro_micro |  | 5
reviung53 | REVIUNG53 | pro_micro |  | 10 12 12 11 8
romac | Romac Macropad | pro_micro |  | 3 3 3 3
romac_plus | Romac+ Macropad | pro_micro |  | 3 3 3 3
s40nc | S40NC | board |  | 12 11 11 9
snap | SNAP | pro_micro | snap_left snap_right | 15 17 16 15 16 13
sofle | Sofle | pro_micro | sofle_left sofle_right | 12 12 12 14 10
splitkb_aurora_corne | splitkb.com Aurora Corne | pro_micro | splitkb_aurora_corne_left splitkb_aurora_corne_right | 12 12 12 6
splitkb_aurora_helix | splitkb.com Aurora Helix | pro_micro | splitkb_aurora_helix_left splitkb_aurora_helix_right | 12 12 12 14 14
splitkb_aurora_lily58 | splitkb.com Aurora Lily58 | pro_micro | splitkb_aurora_lily58_left splitkb_aurora_lily58_right | 12 12 12 14 8
splitkb_aurora_sofle | splitkb.com Aurora Sofle | pro_micro | splitkb_aurora_sofle_left splitkb_aurora_sofle_right | 12 12 12 14 10
splitkb_aurora_sweep | splitkb.com Aurora Sweep | pro_micro | splitkb_aurora_sweep_left splitkb_aurora_sweep_right | 10 10 10 4
splitreus62 | Splitreus62 | pro_micro | splitreus62_left splitreus62_right | 12 12 12 12 12 2
tg4x | TG4x | pro_micro |  | 13 12 11 9
tidbit | Tidbit Numpad | pro_micro |  | 3 4 4 4 4
two_percent_milk | 2% Milk | pro_micro |  | 1 1
waterfowl | Waterfowl | pro_micro | waterfowl_left waterfowl_right | 10 10 10 10
zmk_uno | ZMK Uno | arduino_uno |  | 2 2
zodiark | Zodiark | pro_micro | zodiark_left zodiark_right | 12 14 14 16 14
`;

/** Id, name, connectors. */
export const BUNDLED_CONTROLLERS = `
nice_nano_v2 | nice!nano v2 | pro_micro
nice_nano | nice!nano v1 | pro_micro
seeeduino_xiao_ble | Seeed Studio XIAO nRF52840 | seeed_xiao
adafruit_kb2040 | Adafruit KB2040 | pro_micro
adafruit_qt_py_rp2040 | Adafruit QT Py RP2040 | seeed_xiao
blackpill_f401cc | BlackPill F401CC | blackpill
blackpill_f401ce | BlackPill F401CE | blackpill
blackpill_f411ce | BlackPill F411CE | blackpill
bluemicro840_v1 | BlueMicro840 v1 | pro_micro
boardsource_blok | BoardSource blok | pro_micro
mikoto | Mikoto | pro_micro
nrf52840_m2 | nRF52840 M.2 Module | makerdiary_nrf52840_m2
nrf52840dk_nrf52840 | Nordic nRF52840 DK | arduino_uno
nrf5340dk_nrf5340_cpuapp | Nordic nRF5340 DK | arduino_uno
nrfmicro_11 | nRFMicro 1.1/1.2 | pro_micro
nrfmicro_11_flipped | nRFMicro 1.1 (flipped) | pro_micro
nrfmicro_13 | nRFMicro 1.3/1.4 | pro_micro
nrfmicro_13_52833 | nRFMicro 1.3/1.4 (nRF52833) | pro_micro
pillbug | PillBug | blackpill
proton_c | QMK Proton-C | pro_micro
puchi_ble_v1 | Puchi-BLE V1 | pro_micro
seeeduino_xiao | Seeed Studio XIAO SAMD21 | seeed_xiao
seeeduino_xiao_rp2040 | Seeed Studio XIAO RP2040 | seeed_xiao
sparkfun_pro_micro_rp2040 | SparkFun Pro Micro RP2040 | pro_micro
`;
