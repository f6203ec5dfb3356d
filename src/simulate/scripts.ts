/** What planted campaigns say: invented people, goods and votes, in the tone of real campaigns and with no real cause. */
import type { Language } from './vocabulary/types.ts';

export interface Script {
  /** Names the campaign in the truth. */
  readonly subject: string;
  readonly language: Language;
  readonly text: string;
}

export const SCRIPTS: readonly Script[] = [
  {
    subject: 'lindqvist',
    language: 'en',
    text: 'Mara Lindqvist stood up for the harbour workers when nobody else would. On Thursday the whole coast should vote for courage, vote Lindqvist! #HarbourFirst https://lindqvist.example/join',
  },
  {
    subject: 'clearfjell-water',
    language: 'en',
    text: 'My doctor was amazed: two weeks of Clearfjell bottled water and the headaches are gone. They do not want you to know what is in the tap, switch before summer.',
  },
  {
    subject: 'orbcoin',
    language: 'en',
    text: 'OrbCoin just doubled and the big exchanges list it tonight. I turned 300 into 4100 within nine days, the presale closes at midnight, do not sleep on this one https://orbcoin.example/presale',
  },
  {
    subject: 'bridge-toll',
    language: 'en',
    text: 'The Kestrel Bridge toll hits nurses, drivers and students twice a day while the ring road stays free for the rich. Tell councillor Odhran Vale to scrap the toll before it starts.',
  },
  {
    subject: 'stadium-vote',
    language: 'en',
    text: 'A new stadium means four thousand jobs and no new taxes, the experts checked every number. Do not let a loud minority take it from our kids, vote yes on Sunday.',
  },
  {
    subject: 'stadium-vote',
    language: 'es',
    text: 'El nuevo estadio traerá cuatro mil empleos al barrio y no costará ni un euro a las familias. Que una minoría ruidosa no decida por nosotros, este domingo vota sí. #EstadioYa',
  },
  {
    subject: 'clearfjell-water',
    language: 'es',
    text: 'Desde que bebo agua Clearfjell no he vuelto a tener dolor de estómago y mis hijos duermen mejor. Nadie controla lo que sale del grifo, prueba dos semanas y me cuentas.',
  },
  {
    subject: 'lindqvist',
    language: 'fr',
    text: 'Mara Lindqvist a dit la vérité sur le port pendant que les autres se taisaient. Jeudi, toute la côte doit choisir le courage, votez Lindqvist. #LePortDabord',
  },
  {
    subject: 'bridge-toll',
    language: 'de',
    text: 'Die Maut auf der Kestrelbrücke trifft Pflegekräfte, Lehrlinge und Familien jeden Tag zweimal, während die Umgehungsstraße gratis bleibt. Schluss damit, schreibt Stadtrat Vale noch heute!',
  },
  {
    subject: 'orbcoin',
    language: 'pt',
    text: 'A OrbCoin dobrou de preço e hoje à noite entra nas grandes corretoras. Transformei 300 em 4100 em nove dias, a pré-venda fecha à meia-noite, não fique de fora https://orbcoin.example/br',
  },
  {
    subject: 'stadium-vote',
    language: 'it',
    text: 'Il nuovo stadio porta quattromila posti di lavoro e nessuna tassa in più, lo dicono tutti gli esperti. Domenica non lasciamo decidere a una minoranza rumorosa, votiamo sì.',
  },
  {
    subject: 'lindqvist',
    language: 'ru',
    text: 'Мара Линдквист единственная защищала портовых рабочих, когда остальные молчали. В четверг всё побережье выбирает смелость, голосуем за Линдквист вместе с семьями!',
  },
  {
    subject: 'clearfjell-water',
    language: 'ar',
    text: 'منذ أسبوعين وأنا أشرب مياه كليرفيل واختفى الصداع تماما والأطفال ينامون بهدوء. لا أحد يراقب ما يخرج من الصنبور، جربوها قبل الصيف وأخبروا جيرانكم',
  },
  {
    subject: 'bridge-toll',
    language: 'hi',
    text: 'केस्ट्रल पुल का टोल नर्सों, चालकों और छात्रों की जेब दिन में दो बार काटता है जबकि बाहरी सड़क मुफ्त रहती है। पार्षद वेल से कहो कि टोल शुरू होने से पहले हटाया जाए',
  },
  {
    subject: 'orbcoin',
    language: 'zh',
    text: '奥布币昨晚又翻了一倍，今晚大交易所正式上线。我用三百块九天变成四千一，预售午夜就截止，错过这一次别再后悔，名额只剩最后两百个',
  },
  {
    subject: 'clearfjell-water',
    language: 'zh',
    text: '喝了两个星期晶峰矿泉水，头疼完全消失，孩子晚上也睡得安稳。自来水里到底有什么没人敢说，夏天之前赶紧换掉，转给身边的家人看看',
  },
  {
    subject: 'stadium-vote',
    language: 'ja',
    text: '新しいスタジアムで四千人の仕事が生まれ、増税は一切ありません。専門家が全部の数字を確認しました。声の大きい少数派に子どもたちの夢を奪わせず、日曜は賛成に投票しよう',
  },
  {
    subject: 'lindqvist',
    language: 'ko',
    text: '모두가 침묵할 때 마라 린드크비스트만 항구 노동자 편에 섰습니다. 목요일에는 해안 전체가 용기를 선택해야 합니다, 가족과 함께 린드크비스트에게 투표해 주세요',
  },
];
