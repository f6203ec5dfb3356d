/** Italian chatter. */
import { listed, type Vocabulary } from './types.ts';

export const it: Vocabulary = {
  gap: ' ',
  stop: '. ',
  objectFirst: false,
  fronts: listed(
    'il|il mio|questo|il nostro|il nuovo|il tuo|quel|il vecchio|il suo|il solito|il vostro|il famoso',
    '|',
  ),
  nouns: listed(
    'treno caffè cane gatto libro gioco vicino lavoro telefono giardino forno concerto disco professore museo mercato portiere capitolo panino divano cappotto caricatore dentista calendario cugino nonno pomodoro riso dolce ponte fiume lago cielo telescopio rapporto capo biglietto pianoforte coro maglione bagaglio passaporto sentiero materasso frigorifero telecomando canale commento cameriere pacco postino martello balcone corridoio monopattino taxi casco motore semaforo quartiere parco film bar vino pane traghetto romanzo',
  ),
  states: listed(
    'arriva di nuovo in ritardo|mi fa ridere|non funziona|costa troppo|vale la pena|sa di pioggia|mi fa impazzire|sembra nuovo|si è rotto ieri|mi ricorda la scuola|merita un premio|resta introvabile|mi ha salvato la giornata|fa venire mal di testa|ci mette una vita|ha sorpreso tutti|vuole le ferie|suona diverso|mi tiene sveglia|ha vinto facile|sa di cartone|vive di vita propria|ha cambiato colore|mi dà pace|non ha senso|torna finalmente|cade a pezzi',
    '|',
  ),
  acts: listed(
    'adoro|ho finalmente aggiustato|ho appena perso|non sopporto|ho sognato|ho comprato|abbiamo dipinto|per poco rompevo|aspetto ancora|ho dimenticato|ho venduto|ho trovato|qualcuno ha rubato|non capirò mai|abbiamo festeggiato|ho pulito|lei vuole|abbiamo salvato|chi ha inventato|ho fotografato|vorrei avere|ho regalato|cambiamo|nessuno rispetta',
    '|',
  ),
  times: listed(
    'stamattina|oggi|ieri sera|lunedì|dopo pranzo|prima del lavoro|a mezzanotte|da martedì|ancora una volta|tornando a casa|sotto la pioggia|tutto il fine settimana|questa settimana|proprio adesso|ieri|alle sei|con questo caldo|a cena|davanti a tutti|senza preavviso',
    '|',
  ),
  openers: listed(
    'sinceramente|allora|ragazzi|non ci credo|a quanto pare|confesso|guardate|sul serio|comunque|scusate ma|aiuto|piccola vittoria|insomma|indovinate|promemoria',
    '|',
  ),
  closers: listed(
    'ahahah|che giornata|e mi piace|mai più|chi altro|senza parole|così è la vita|auguratemi fortuna|poi vi racconto|meno male|che ridere|e nessuno ha visto|tipico|vabbè',
    '|',
  ),
  common: listed(
    'di che e la il un a per in non una mi sono ho si lo ha le con ma cosa come da se questo qui bene più solo era quando anche tutto della fatto essere molto sempre mai oggi vita gente giorno tempo mondo niente così ancora dove dopo prima',
  ),
  short: listed('ahaha|grazie|anche io|bellissimo|sì|no|esatto|perché|bravo|ok', '|'),
  greetings: listed('buongiorno|buonanotte|buon venerdì|ciao a tutti|tanti auguri', '|'),
  tags: listed('lunedì musica calcio fotografia viaggi cucina lettura serie gatti natura roma weekend arte cinema'),
  syllables: listed('ca ri no gli ve ro ta ne del la mon te bel fa go zi san pa lu re'),
  asides: listed('con {}|secondo {}|come {}|grazie a {}|vicino a {}|nemmeno {}|accanto a {}', '|'),
  events: listed(
    'forte scossa adesso a {}|sentita anche voi a {}|manca la corrente in tutta {}|siamo scesi tutti in strada, {}|sirene ovunque a {}|spero stiate bene a {}|ha tremato tutto per qualche secondo a {}',
    '|',
  ),
  checkIn: 'Sono da {} a {town}',
};
