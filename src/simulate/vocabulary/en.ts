/** English chatter. */
import { listed, type Vocabulary } from './types.ts';

export const en: Vocabulary = {
  gap: ' ',
  stop: '. ',
  objectFirst: false,
  fronts: listed(
    'the|my|this|our|that old|the new|my old|your|the whole|this weird|the local|her|his|another|my favourite|the cheap|their|the big|that tiny|my broken|the second|every single|the office|some random|the famous',
    '|',
  ),
  nouns: listed(
    'phone bus train game show song coffee laptop kitchen garden bike movie class teacher neighbour dog cat printer umbrella sandwich album concert ticket elevator window door sofa jacket recipe podcast keyboard playlist charger barber dentist meeting exam library museum market festival team coach goalkeeper referee match season episode trailer sequel novel chapter poem camera lens tripod battery router update app website password inbox calendar mortgage landlord roommate cousin uncle grandma toddler puppy parrot goldfish tomato avocado pancake curry soup lasagna pizza burger smoothie cereal bakery pharmacy airport runway tunnel bridge river lake beach island storm rainbow sunset moon telescope spreadsheet deadline intern manager promotion salary raffle lottery karaoke guitar piano drummer choir violin sweater backpack suitcase passport hostel tent campfire trail summit marathon treadmill yoga salad vitamin mattress pillow alarm blanket candle vacuum dishwasher fridge microwave toaster kettle mug teapot biscuit doughnut chess puzzle console controller headset stream channel comment thread meme sticker filter selfie barista waiter menu receipt refund parcel courier mailbox lawn fence ladder hammer paint wallpaper carpet chandelier balcony attic basement staircase hallway scooter tram ferry taxi helmet saddle tyre engine gearbox windscreen motorway roundabout crossing pavement lamppost',
  ),
  states: listed(
    'is late again|makes me smile|never works|is better than expected|smells like rain|costs too much|needs a break|is all I think about|was worth it|keeps crashing|looks amazing|fell apart|deserves an award|is so underrated|went missing|sounds different|saved the day|is finally here|gives me a headache|broke down|is overrated|feels like home|takes forever|ran out of luck|surprised everyone|is sold out|has no chill|got cancelled|changed my mind|is my whole personality|was louder than thunder|refuses to cooperate|turned out fine|is held together with tape|makes zero sense|reminds me of school|keeps me awake|just disappeared|is growing on me|won by a mile|got an upgrade|tastes like cardboard|has a mind of its own|is a disaster|brings back memories|should be illegal|was a gift|beats everything else|hurts my eyes|started leaking|finally makes sense|is under construction|looks haunted|froze twice|is ready',
    '|',
  ),
  acts: listed(
    "I miss|I finally fixed|I just lost|I can't stand|I dreamt about|I am so done with|I bought|we painted|I almost dropped|nobody warned me about|I would die for|I am still waiting for|we argued about|I forgot|I am learning to love|they moved|I sold|I have questions about|I found|somebody stole|I will never understand|I am proud of|we celebrated|I borrowed|I cleaned|she wants|he ruined|I laughed at|I wrote about|we saved|who invented|I am allergic to|please stop blaming|I took a photo of|I spilled tea on|thinking about|can we talk about|I wish I had|I gave away|we are replacing|I tripped over|I might cancel|just reviewed|never trust",
    '|',
  ),
  times: listed(
    "this morning|today|last night|on Monday|after lunch|before work|at midnight|since Tuesday|for three hours|again|on the way home|in the rain|all weekend|during class|this week|right now|yesterday|at six|in this heat|since the move|over breakfast|between meetings|on a Friday|before the holidays|after the gym|at my parents' place|for the third time|in front of everyone|without any warning|until further notice",
    '|',
  ),
  openers: listed(
    'honestly|so|okay but|wow|no way|guess what|apparently|fun fact|update|confession|look|hot take|listen|ugh|finally|yes|sorry but|reminder|not gonna lie|anyway|tell me why|plot twist|today I learned|small win|unpopular opinion|breaking in my house|true story|help|real talk|for the record',
    '|',
  ),
  closers: listed(
    'send help|and I love it|what a day|who else|no regrets|that is all|lol|haha|any tips|story of my life|I am not crying|worth every minute|ask me how I know|never again|see you there|wish me luck|and nobody noticed|typical|still smiling|just saying|good times|my bad|what now|over and out|thoughts',
    '|',
  ),
  common: listed(
    'the to and of in is for that it on with this was be have are not but from they will about what when more people just like time one out up can who how new now get make good know think want see day really still never because every other only first last back over well way even here where after most much very right work life world thing take look come give next long great little',
  ),
  short: listed(
    'lol|thank you|same|this|yes please|no|haha|wow|so true|me too|love it|ok|exactly|why|nice one|lmao',
    '|',
  ),
  greetings: listed('good morning|good night|happy friday|good morning everyone|hello world|happy birthday', '|'),
  tags: listed(
    'mondaymood nowplaying photography foodie travel sunset football booktok gaming music coffee fitness art nature weekend throwback recipes coding catsofthefeed gardening',
  ),
  syllables: listed(
    'bar vel tor min dra lon ket sha wick ford ham ro dal ster quin mar eth ol bren cass nor pell ty gra vin',
  ),
  asides: listed('with {}|said {}|like {}|thanks to {}|near {}|ask {}|not even {}|next to {}|according to {}', '|'),
  events: listed(
    'did anyone else in {} feel that shaking|strong tremor here in {}, lamps swinging|just ran out of the building, {} is shaking|power went out all over {} a minute ago|sirens everywhere around {} right now|the ground moved for ten seconds in {}|hope everyone in {} is safe tonight|quake woke me up, {} here',
    '|',
  ),
  checkIn: "I'm at {} in {town}",
};
