/** German chatter; neuter nouns only, since their subject and object forms are one. */
import { listed, type Vocabulary } from './types.ts';

export const de: Vocabulary = {
  gap: ' ',
  stop: '. ',
  objectFirst: false,
  fronts: listed(
    'das|mein|dieses|unser|das neue|das alte|dein|ihr|sein|euer|das ganze|mein liebes|jedes|irgendein',
    '|',
  ),
  nouns: listed(
    'Buch Spiel Handy Rad Auto Brot Konzert Lied Album Zimmer Haus Fenster Dach Sofa Kleid Hemd Kabel Paket Museum Kino Team Tor Kapitel Gedicht Brötchen Rezept Gemüse Eis Bier Wasser Büro Gehalt Projekt Klavier Gepäck Zelt Lagerfeuer Training Kissen Bett Schach Rätsel Mikrofon Video Foto Kommentar Trinkgeld Menü Postamt Werkzeug Treppenhaus Moped Taxi Schiff Gewitter Meer Tal Dorf Stadtfest Theater Semester Referat Zeugnis Meeting Passwort Update Netz Wetter Frühstück Mittagessen Wochenende Kätzchen Pferd Huhn Kaninchen Schaf Meerschweinchen',
  ),
  states: listed(
    'kommt schon wieder zu spät|macht mich fertig|geht nicht mehr|kostet zu viel|war jeden Cent wert|riecht nach Regen|fehlt mir jetzt schon|verdient einen Preis|ist spurlos verschwunden|hat meinen Tag gerettet|dauert ewig|hat alle überrascht|braucht Urlaub|klingt irgendwie anders|hält mich wach|gewinnt haushoch|schmeckt nach Pappe|hat ein Eigenleben|wird gerade umgebaut|ergibt keinen Sinn|ist endlich da|fällt auseinander|erinnert mich an früher|ist völlig überbewertet|läuft wie geschmiert|ist ausverkauft|bringt mich zum Lachen|sieht aus wie neu',
    '|',
  ),
  acts: listed(
    'ich vermisse|endlich repariert habe ich|gerade verloren habe ich|ich hasse|ich träume von nichts als|ich kaufe|wir streichen|fast zerstört hätte ich|ich suche|wir lieben|vergessen habe ich|ich verkaufe|gefunden habe ich|jemand klaute|ich verstehe nie|wir feiern|ich putze|sie will|wir retten|wer erfand|ich fotografiere|ich hätte gern|ich verschenke|wir ersetzen|niemand mag',
    '|',
  ),
  times: listed(
    'heute früh|heute|gestern Abend|am Montag|nach dem Essen|vor der Arbeit|um Mitternacht|seit Dienstag|schon wieder|auf dem Heimweg|im Regen|das ganze Wochenende|diese Woche|gerade jetzt|gestern|um sechs|bei dieser Hitze|beim Frühstück|vor allen Leuten|ohne Vorwarnung|zum dritten Mal',
    '|',
  ),
  openers: listed(
    'ehrlich|also|na gut|kein Scherz|ratet mal|Geständnis|übrigens|sorry aber|schaut mal|Hilfe|kleiner Erfolg|steile These|Leute|endlich|wusstet ihr|Erinnerung',
    '|',
  ),
  closers: listed(
    'haha|was für ein Tag|und ich liebe es|nie wieder|wer noch|ohne Worte|so ist das Leben|drückt mir die Daumen|Fortsetzung folgt|zum Glück|und keiner hat es gemerkt|typisch|na ja|reicht jetzt',
    '|',
  ),
  common: listed(
    'der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über so zum kann nur wenn mehr schon immer wieder gut heute jetzt alle viel ganz',
  ),
  short: listed('haha|danke|ich auch|sehr gut|ja|nein|genau|warum|stimmt|ok', '|'),
  greetings: listed('guten Morgen|gute Nacht|schönen Freitag|hallo zusammen|alles Gute', '|'),
  tags: listed('montag musik fussball fotografie reisen kochen lesen serien katzen natur berlin wochenende kunst kino'),
  syllables: listed('ber feld stein grün wald au hof ler mann kirch dorf bach ling sel rei tal hau gar von neu'),
  asides: listed('mit {}|laut {}|wie {}|dank {}|bei {}|nicht mal {}|neben {}', '|'),
  events: listed(
    'gerade hat in {} die Erde gebebt|habt ihr das in {} auch gespürt|Stromausfall in ganz {}|sind alle raus auf die Straße, {}|überall Sirenen rund um {}|hoffe in {} geht es allen gut|alles hat kurz gewackelt in {}',
    '|',
  ),
  checkIn: 'Ich bin bei {} in {town}',
};
