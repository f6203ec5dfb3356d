/** Portuguese chatter. */
import { listed, type Vocabulary } from './types.ts';

export const pt: Vocabulary = {
  gap: ' ',
  stop: '. ',
  objectFirst: false,
  fronts: listed('o|meu|este|nosso|o novo|teu|esse|meu velho|aquele|outro|o famoso|o seu|meu querido', '|'),
  nouns: listed(
    'ônibus café cachorro gato livro jogo vizinho trabalho trem celular jardim forno show disco professor museu mercado time goleiro juiz capítulo poema pão elevador sofá casaco carregador dentista calendário primo avô tomate abacate arroz feijão bolo aeroporto rio lago céu relatório chefe salário sorteio piano violão passaporte caminho colchão despertador fogão xadrez controle canal comentário garçom recibo pacote carteiro martelo quintal corredor patinete capacete motor bairro parque filme seriado chuveiro ventilador',
  ),
  states: listed(
    'atrasou de novo|me faz rir|não funciona|custa caro demais|vale a pena|tem cheiro de chuva|me deixa doido|parece novo|quebrou ontem|lembra a infância|merece um prêmio|sumiu do mapa|salvou meu dia|dá dor de cabeça|demora uma eternidade|surpreendeu todo mundo|precisa de férias|soa diferente|tira meu sono|acabou num minuto|ganhou fácil|tem gosto de papelão|tem vida própria|está em obras|me dá paz|não faz sentido|apareceu enfim|caiu aos pedaços',
    '|',
  ),
  acts: listed(
    'amo|finalmente consertei|acabei de perder|não aguento|sonhei com|comprei|pintamos|quase derrubei|ainda espero|esqueci|vendi|achei|alguém roubou|nunca vou entender|comemoramos|limpei|ela quer|salvamos|quem inventou|tirei foto de|queria ter|doei|vamos trocar|ninguém respeita',
    '|',
  ),
  times: listed(
    'hoje cedo|hoje|ontem à noite|na segunda|depois do almoço|antes do trabalho|à meia-noite|desde terça|de novo|voltando pra casa|na chuva|o fim de semana todo|esta semana|agora mesmo|ontem|às seis|nesse calor|no jantar|na frente de todos|sem avisar|pela terceira vez',
    '|',
  ),
  openers: listed(
    'sinceramente|bom|gente|não acredito|acontece que|confesso|olha|sério|aliás|desculpa mas|socorro|pequena vitória|enfim|adivinha|opinião impopular|lembrete',
    '|',
  ),
  closers: listed(
    'kkkkk|que dia|e eu adoro|nunca mais|quem mais|me ajuda|sem palavras|a vida é assim|torçam por mim|depois conto|ainda bem|que risada|e ninguém viu|típico',
    '|',
  ),
  common: listed(
    'que de não o a e é do da em um para com uma os no se na por mais as dos como mas foi ao ele tem muito já eu também só seu quando mesmo vai bem sem isso ser até nos hoje sempre nunca gente vida dia melhor tudo agora mundo coisa',
  ),
  short: listed('kkkk|obrigado|eu também|muito bom|sim|não|exatamente|amei|por quê|ok', '|'),
  greetings: listed('bom dia|boa noite|feliz sexta|oi gente|feliz aniversário', '|'),
  tags: listed(
    'segunda música futebol fotografia viagem cozinha leitura séries gatos natureza lisboa sextou arte cinema',
  ),
  syllables: listed('ca ri nho pa ra gua bel mo ti vi ço lan da ju ro ba so mei ra nal'),
  asides: listed('com {}|segundo {}|como {}|graças a {}|perto de {}|nem {}|ao lado de {}', '|'),
  events: listed(
    'tremeu forte aqui em {}|alguém mais sentiu em {}|faltou luz em toda {}|saímos correndo pra rua, {}|muita sirene em {} agora|espero que todos em {} estejam bem|tudo balançou por uns segundos em {}',
    '|',
  ),
  checkIn: 'Estou no {} em {town}',
};
