/** Look-alike letters and other character tables of the obfuscations; drawn up from the letters' shapes. */

function pairs(text: string): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const pair of text.split(' ')) {
    const [from, to] = [...pair];
    map.set(from!, to!);
  }
  return map;
}

/** Latin letters by Cyrillic and Greek ones, Cyrillic by Latin, Arabic by Persian forms. */
export const LOOKALIKES = pairs(
  'aа cс eе oо pр xх yу iі jј sѕ AА BВ CС EЕ HН IІ KК MМ OО PР SЅ TТ XХ vν ZΖ NΝ аa еe оo рp сc хx уy іi АA ВB ЕE КK МM НH ОO РP СC ТT ХX كک يی',
);
export const LEET = pairs('a4 e3 i1 o0 s5 t7 A4 E3 I1 O0 S5 T7');
/** Zero-width space, word joiner, soft hyphen. Not U+FEFF, which ECMAScript takes for white space: it would cut words in two. */
export const ZERO_WIDTHS = ['\u200b', '\u2060', '\u00ad'];
export const ACCENTS = ['\u0301', '\u0308', '\u0323', '\u0331', '\u0307'];
export const TASHKEEL = ['\u064e', '\u064f', '\u0650', '\u0651', '\u0652', '\u0640'];

/** The full-width form of an ASCII letter or digit, anything else as it is. */
export function fullWidth(letter: string): string {
  return /[0-9A-Za-z]/.test(letter) ? String.fromCodePoint(letter.codePointAt(0)! + 0xfee0) : letter;
}

/** The mathematical bold form of an ASCII letter, anything else as it is. */
export function mathBold(letter: string): string {
  const code = letter.codePointAt(0)!;
  if (/[A-Z]/.test(letter)) return String.fromCodePoint(0x1d400 + code - 65);
  return /[a-z]/.test(letter) ? String.fromCodePoint(0x1d41a + code - 97) : letter;
}
