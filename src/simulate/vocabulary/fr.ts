/** French chatter. */
import { listed, type Vocabulary } from './types.ts';

export const fr: Vocabulary = {
  gap: ' ',
  stop: '. ',
  objectFirst: false,
  fronts: listed('le|mon|ce|notre|le nouveau|ton|son|mon vieux|leur|votre|le fameux|mon pauvre|ce satané', '|'),
  nouns: listed(
    'bus train chat chien livre match voisin boulot téléphone jardin four concert disque prof musée marché gardien chapitre poème parapluie sandwich canapé manteau chargeur dentiste calendrier cousin riz gâteau dessert pont fleuve lac ciel rapport patron salaire tirage piano pull sac passeport sentier marathon matelas réveil frigo clavier commentaire serveur reçu colis facteur marteau balcon couloir vélo taxi casque moteur feu quartier parc pain fromage café thé film jeu dossier projet studio camping',
  ),
  states: listed(
    'est encore en retard|me fait rire|ne marche plus|coûte trop cher|en vaut la peine|sent la pluie|me rend dingue|me manque déjà|mérite un prix|reste introuvable|a sauvé ma journée|donne mal à la tête|prend une éternité|a surpris tout le monde|a besoin de vacances|sonne faux|me garde debout la nuit|a gagné haut la main|a un goût de carton|vit sa vie|a changé de couleur|est en travaux|me détend|ne veut rien dire|revient enfin|vaut de l’or|tombe en morceaux|me rappelle le lycée',
    '|',
  ),
  acts: listed(
    "j'adore|j'ai enfin réparé|je viens de perdre|je déteste|j'ai rêvé de revoir|j'ai acheté|on a repeint|j'ai failli casser|j'attends toujours|j'ai oublié|j'ai vendu|j'ai trouvé|quelqu'un a volé|on a fêté|j'ai nettoyé|elle veut|on a sauvé|qui a inventé|j'ai pris en photo|je voudrais|j'ai donné|on va remplacer|personne ne comprend|il a cassé",
    '|',
  ),
  times: listed(
    'ce matin|aujourd’hui|hier soir|lundi|après le déjeuner|avant le travail|à minuit|depuis mardi|encore une fois|en rentrant|sous la pluie|tout le week-end|cette semaine|en ce moment|hier|à six heures|par cette chaleur|pendant le dîner|devant tout le monde|sans prévenir',
    '|',
  ),
  openers: listed(
    'franchement|bon|alors|pas possible|figurez-vous que|sérieux|au fait|désolé mais|tiens|à l’aide|petite victoire|je vous jure|bref|vous savez quoi|avis impopulaire|rappel',
    '|',
  ),
  closers: listed(
    'mdr|quelle journée|et ça me va|plus jamais|qui d’autre|sans commentaire|c’est la vie|souhaitez-moi bonne chance|à suivre|ouf|et personne n’a rien vu|comme d’habitude|voilà|je ris encore',
    '|',
  ),
  common: listed(
    'de la le et les des en un une que est pour qui dans sur pas plus par avec ce il au se ne tout mais comme ou si sans bien aussi fait être même encore très ans jour temps rien toujours jamais monde vie faut peut avant après entre gens chose vraiment',
  ),
  short: listed('mdr|merci|moi aussi|trop bien|oui|non|exactement|pareil|bravo|ok', '|'),
  greetings: listed('bonjour|bonne nuit|bon vendredi|bonjour à tous|joyeux anniversaire', '|'),
  tags: listed(
    'lundimotivation musique foot photo voyage cuisine lecture séries chats nature paris weekend art cinéma',
  ),
  syllables: listed('ber lo mé ri val ney du cha tre gou lin sau vi ron pel cor bel ma zé lac'),
  asides: listed('avec {}|selon {}|comme {}|grâce à {}|près de {}|même pas {}|à côté de {}', '|'),
  events: listed(
    'grosse secousse à {} à l’instant|vous avez senti ça à {} ?|plus de courant dans tout {}|on est sortis en courant, {}|des sirènes partout vers {}|pensées pour ceux de {} ce soir|tout a bougé quelques secondes à {}',
    '|',
  ),
  checkIn: 'Je suis à {}, {town}',
};
