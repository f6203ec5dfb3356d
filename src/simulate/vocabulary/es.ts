/** Spanish chatter. */
import { listed, type Vocabulary } from './types.ts';

export const es: Vocabulary = {
  gap: ' ',
  stop: '. ',
  objectFirst: false,
  fronts: listed('el|mi|este|nuestro|el nuevo|tu|ese|mi viejo|aquel|otro|el famoso|su|mi querido|el bendito', '|'),
  nouns: listed(
    'autobús café perro gato libro partido vecino trabajo tren teléfono jardín horno concierto disco profesor examen museo mercado equipo portero árbitro capítulo poema paraguas bocadillo ascensor sofá abrigo cargador dentista calendario casero primo abuelo tomate aguacate arroz guiso postre aeropuerto puente río lago cielo telescopio informe jefe sueldo sorteo piano coro jersey equipaje pasaporte sendero maratón colchón despertador microondas ajedrez mando canal comentario camarero recibo paquete cartero martillo balcón sótano pasillo patinete taxi casco motor semáforo barrio parque',
  ),
  states: listed(
    'llega tarde otra vez|me hace reír|no funciona|cuesta demasiado|vale la pena|huele a lluvia|me tiene harta|parece nuevo|se rompió ayer|me recuerda a la infancia|merece un premio|sigue sin aparecer|me salvó el día|da dolor de cabeza|ya no es lo mismo|está mejor que nunca|tarda una eternidad|sorprendió a todos|necesita vacaciones|suena distinto|me quita el sueño|se acabó en un minuto|ganó por mucho|sabe a cartón|tiene vida propia|cambió de color|está en obras|me da paz|no tiene sentido|apareció por fin',
    '|',
  ),
  acts: listed(
    'echo de menos|por fin arreglé|acabo de perder|no soporto|soñé con|compré|pintamos|casi se me cae|sigo esperando|discutimos por|olvidé|vendí|encontré|alguien robó|nunca voy a entender|celebramos|limpié|ella quiere|escribí sobre|salvamos|quién inventó|hice una foto de|ojalá tuviera|regalé|vamos a cambiar|nadie me avisó de',
    '|',
  ),
  times: listed(
    'esta mañana|hoy|anoche|el lunes|después de comer|antes del trabajo|a medianoche|desde el martes|otra vez|camino a casa|bajo la lluvia|todo el fin de semana|esta semana|ahora mismo|ayer|a las seis|con este calor|durante la cena|delante de todos|sin avisar|por tercera vez|en plena siesta',
    '|',
  ),
  openers: listed(
    'la verdad|bueno|oye|no puede ser|resulta que|confieso que|mira|en serio|por cierto|qué fuerte|a ver|lo siento pero|dato curioso|ya está|socorro|opinión impopular|pues nada|ojo',
    '|',
  ),
  closers: listed(
    'jajaja|qué día|y me encanta|nunca más|quién más|ayuda|sin palabras|así es la vida|deseadme suerte|ya os contaré|menos mal|qué risa|y nadie lo vio|típico|en fin',
    '|',
  ),
  common: listed(
    'que de no la el en y es se lo un por con para una su los como más pero todo esta muy ya o mi me hay cuando bien sin porque nada solo hoy ser vida gente siempre nunca mejor día vez donde desde hasta entre quien otro mismo tiempo mundo cosa',
  ),
  short: listed('jajaja|gracias|yo también|qué bueno|sí|no|tal cual|me encanta|por qué|vale', '|'),
  greetings: listed('buenos días|buenas noches|feliz viernes|hola a todos|feliz cumpleaños', '|'),
  tags: listed(
    'felizlunes música fútbol fotografía viajes cocina lectura series gatos naturaleza madrid finde arte cine',
  ),
  syllables: listed('bar lo ma que ri to san ve ga cor ta mi ne dal fu ro la za ber no'),
  asides: listed('con {}|según {}|como {}|gracias a {}|cerca de {}|ni siquiera {}|al lado de {}', '|'),
  events: listed(
    'acaba de temblar fuerte en {}|alguien más lo sintió en {}|se fue la luz en todo {}|salimos corriendo a la calle, {}|muchas sirenas por {} ahora|espero que estéis bien los de {}|se movió todo unos segundos en {}',
    '|',
  ),
  checkIn: 'Estoy en {} ({town})',
};
