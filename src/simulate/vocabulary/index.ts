/** All vocabularies by language. */
import { ar } from './ar.ts';
import { de } from './de.ts';
import { en } from './en.ts';
import { es } from './es.ts';
import { fr } from './fr.ts';
import { hi } from './hi.ts';
import { it } from './it.ts';
import { ja } from './ja.ts';
import { ko } from './ko.ts';
import { pt } from './pt.ts';
import { ru } from './ru.ts';
import type { Language, Vocabulary } from './types.ts';
import { zh } from './zh.ts';

export const VOCABULARIES: Readonly<Record<Language, Vocabulary>> = { en, es, fr, de, pt, it, ru, ar, hi, zh, ja, ko };
