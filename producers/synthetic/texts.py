"""What the people of the synthetic campaign say, where they are, and when. Data only; texts and accounts are invented.

The texts are general words of support, in the manner of such a campaign, in 25 languages: nobody's story is told.
"""

from typing import Final

from msgspec import Struct


class Language(Struct, frozen=True):
    """What is said in one language."""

    code: str
    """ISO 639-1."""
    support: tuple[str, ...]
    """Said within the campaign, without a tag. The first is the bare "me too"."""
    everyday: tuple[str, ...]
    """Said by people who talk of something else."""
    tags: tuple[str, ...] = ()
    """The campaign's tags in this language, as written, without '#': each counts as the campaign's on its own."""
    side_tags: tuple[str, ...] = ()
    """Translations that are written beside a tag of the campaign."""


class ProfilePlace(Struct, frozen=True):
    """A place as a profile writes it, its country (ISO 3166-1 alpha-2) and its coordinates in degrees."""

    profile: str
    country: str
    longitude: float
    latitude: float


class Community(Struct, frozen=True):
    """People of one language in one part of the world."""

    name: str
    """Language and region, `en-IN`. The region is the main one of its places."""
    weight: int
    """Its part of the campaign while the whole world talks, relative to the others."""
    places: tuple[ProfilePlace, ...]


class Wave(Struct, frozen=True):
    """A burst of talk. Times are hours of a campaign of 48."""

    peak: float
    rise: float
    """Hours from nothing to the peak."""
    fall: float
    """Hours after which a quarter is left."""
    height: float
    """At the peak, how many times the talk of the whole world in a quiet hour."""
    communities: tuple[str, ...] = ()
    """Who talks. Empty: the whole world."""


ROOT_TEXT: Final = "If you know what this is about, answer “me too”, so that everybody sees how many we are. #MeToo"

TAGS: Final = ("MeToo",) * 12 + ("metoo",) * 5 + ("METOO", "Metoo", "MeTOO")
SIDE_TAGS: Final = ("BelieveWomen", "BelieveSurvivors", "WomensReality", "TimesUp", "HimToo", "NotAllMen")

EMOJI: Final = ("❤️", "💜", "🙏", "🙏🏽", "✊", "✊🏿", "😢", "💪🏼", "🕯️", "👩‍👩‍👧‍👧", "🏳️‍🌈", "💜💜💜", "…", "🙋‍♀️", "✨")
MENTIONS: Final = ("@example_ana", "@example_noor", "@example_kim", "@example_lena", "@example_tariq", "@example_yuki")
NOWHERE: Final = (
    "somewhere over the rainbow",
    "she/her",
    "Earth 🌍",
    "hell",
    "your timeline",
    "NYC ✈️ LA",
    "🏠",
    "partout",
)

STRAY_LANGS: Final = ("und",) * 8 + ("qme", "qht", "zxx")
"""X's tags for what it can't judge."""
WRONG_LANGS: Final = ("in", "tl", "ht", "et", "cy")
"""X's usual guesses for short texts of other languages."""

LANGUAGES: Final = (
    Language(
        "en",
        (
            "me too",
            "Me too. I believe every single one of you.",
            "You are not alone, none of you.",
            "So many answers in so few hours. This has to change.",
            "Thank you to everyone who is speaking up today.",
            "Reading this thread and sending strength to all of you.",
            "We hear you, we stand with you, and we are not going away.",
            "Me too, and almost everyone I know.",
            "It is time to listen.",
        ),
        (
            "The bread from the new bakery is sold out before nine again.",
            "Finally some rain after three dry weeks.",
            "Does anybody know when the library opens tomorrow?",
        ),
    ),
    Language(
        "it",
        (
            "anche io",
            "Anch'io. Vi credo, tutte e tutti.",
            "Non siete sole, nessuna di voi.",
            "Grazie a chi oggi trova il coraggio di parlare.",
            "Siamo in tantissime, qualcosa deve cambiare.",
            "Leggo questi messaggi e vi mando tanta forza.",
            "È ora di ascoltare.",
            "Vi ascoltiamo e restiamo al vostro fianco.",
        ),
        ("Il treno delle otto è di nuovo in ritardo.", "Finalmente un po' di pioggia dopo settimane di caldo."),
        ("QuellaVoltaChe", "AncheIo"),
    ),
    Language(
        "fr",
        (
            "moi aussi",
            "Moi aussi. Je vous crois, toutes et tous.",
            "Vous n'êtes pas seules.",
            "Merci à toutes celles et ceux qui parlent aujourd'hui.",
            "Nous sommes si nombreuses, il faut que ça change.",
            "Je lis vos messages et je vous envoie beaucoup de force.",
            "Il est temps d'écouter.",
            "Nous vous entendons et nous restons à vos côtés.",
        ),
        ("Le marché du dimanche sent déjà l'automne.", "Encore une panne de métro ce matin, je rentre à pied."),
        ("BalanceTonPorc", "MoiAussi"),
    ),
    Language(
        "es",
        (
            "yo también",
            "Yo también. Les creo a todas.",
            "No están solas.",
            "Gracias a quienes hoy se atreven a hablar.",
            "Somos muchísimas y esto tiene que cambiar.",
            "Leo sus mensajes y les mando mucha fuerza.",
            "Ya es hora de escuchar.",
            "Las escuchamos y seguimos a su lado.",
        ),
        ("Hoy por fin llovió y el patio huele a tierra mojada.", "El autobús de las siete volvió a pasar lleno."),
        ("YoTambien", "YoTambién"),
    ),
    Language(
        "de",
        (
            "ich auch",
            "Ich auch. Ich glaube euch allen.",
            "Ihr seid nicht allein.",
            "Danke an alle, die heute den Mut finden zu sprechen.",
            "Wir sind so viele, das muss sich ändern.",
            "Ich lese eure Antworten und schicke euch ganz viel Kraft.",
            "Es ist Zeit zuzuhören.",
            "Wir hören euch und wir stehen an eurer Seite.",
        ),
        ("Der Zug nach Hause hat schon wieder Verspätung.", "Endlich Regen, der Garten freut sich."),
        ("IchAuch",),
    ),
    Language(
        "pt",
        (
            "eu também",
            "Eu também. Acredito em todas vocês.",
            "Vocês não estão sozinhas.",
            "Obrigada a quem tem coragem de falar hoje.",
            "Somos muitas, e isso precisa mudar.",
            "Lendo essas respostas e mandando muita força para todas.",
            "Já passou da hora de ouvir.",
            "Nós ouvimos vocês e estamos do seu lado.",
        ),
        ("O ônibus atrasou de novo e o café já esfriou.", "Domingo de chuva, bolo de milho e nada mais."),
        ("EuTambém",),
    ),
    Language(
        "nl",
        (
            "ik ook",
            "Ik ook. Ik geloof jullie allemaal.",
            "Jullie zijn niet alleen.",
            "Dank aan iedereen die zich vandaag durft uit te spreken.",
            "We zijn met zovelen, dit moet veranderen.",
            "Ik lees jullie reacties en stuur jullie veel kracht.",
            "Het is tijd om te luisteren.",
            "We horen jullie en we staan naast jullie.",
        ),
        ("De trein heeft weer eens vertraging.", "Eindelijk zon, dus we eten vanavond buiten."),
        side_tags=("IkOok",),
    ),
    Language(
        "sv",
        (
            "jag också",
            "Jag också. Jag tror på er alla.",
            "Ni är inte ensamma.",
            "Tack till alla som vågar säga något i dag.",
            "Vi är så många, det här måste förändras.",
            "Läser era svar och skickar styrka till er alla.",
            "Det är dags att lyssna.",
            "Vi hör er och vi står vid er sida.",
        ),
        ("Första snön har fallit och cykeln står kvar hemma.", "Bussen är sen igen, jag går hem i stället."),
    ),
    Language(
        "no",
        (
            "jeg også",
            "Jeg også. Jeg tror på dere alle sammen.",
            "Dere er ikke alene.",
            "Takk til alle som tør å si ifra i dag.",
            "Vi er så mange, dette må endre seg.",
            "Leser svarene deres og sender styrke til alle sammen.",
            "Det er på tide å lytte.",
            "Vi hører dere og står ved siden av dere.",
        ),
        ("Toget er forsinket igjen, så nå går jeg hjem.", "Endelig sol på fjellet etter en uke med regn."),
    ),
    Language(
        "da",
        (
            "også mig",
            "Også mig. Jeg tror på jer alle sammen.",
            "I er ikke alene.",
            "Tak til alle, der tør sige det højt i dag.",
            "Vi er så mange, det her må ændre sig.",
            "Læser jeres svar og sender masser af styrke til jer.",
            "Det er på tide at lytte.",
            "Vi hører jer, og vi står ved jeres side.",
        ),
        ("Toget er forsinket igen, så jeg går hjem.", "Endelig lidt sol, og kaffen smager bedre udenfor."),
    ),
    Language(
        "fi",
        (
            "minä myös",
            "Minä myös. Uskon teitä kaikkia.",
            "Ette ole yksin.",
            "Kiitos kaikille, jotka uskaltavat puhua tänään.",
            "Meitä on niin paljon, tämän täytyy muuttua.",
            "Luen vastauksianne ja lähetän teille kaikille voimia.",
            "On aika kuunnella.",
            "Kuulemme teitä ja seisomme rinnallanne.",
        ),
        ("Ensilumi satoi yöllä ja pyörä jäi kotiin.", "Juna on taas myöhässä, kävelen kotiin."),
        side_tags=("MinäMyös",),
    ),
    Language(
        "pl",
        (
            "ja też",
            "Ja też. Wierzę wam wszystkim.",
            "Nie jesteście same.",
            "Dziękuję wszystkim, którzy mają dziś odwagę mówić.",
            "Jest nas tak wiele, to musi się zmienić.",
            "Czytam wasze odpowiedzi i przesyłam wam dużo siły.",
            "Najwyższy czas słuchać.",
            "Słyszymy was i stoimy po waszej stronie.",
        ),
        ("Pociąg znowu się spóźnił, wracam do domu pieszo.", "Nareszcie słońce, kawa na balkonie smakuje lepiej."),
        side_tags=("JaTeż",),
    ),
    Language(
        "cs",
        (
            "já taky",
            "Já taky. Věřím vám všem.",
            "Nejste v tom samy.",
            "Děkuji všem, kdo dnes našli odvahu mluvit.",
            "Je nás tolik, tohle se musí změnit.",
            "Čtu vaše odpovědi a posílám vám hodně síly.",
            "Je čas naslouchat.",
            "Slyšíme vás a stojíme při vás.",
        ),
        ("Vlak má zase zpoždění, jdu domů pěšky.", "Konečně zapršelo a zahrada si oddechla."),
    ),
    Language(
        "ro",
        (
            "și eu",
            "Și eu. Vă cred pe toate.",
            "Nu sunteți singure.",
            "Mulțumesc tuturor celor care au curajul să vorbească astăzi.",
            "Suntem atât de multe, trebuie să se schimbe ceva.",
            "Vă citesc mesajele și vă trimit multă putere.",
            "Este timpul să ascultăm.",
            "Vă auzim și suntem alături de voi.",
        ),
        ("Trenul are iar întârziere, merg acasă pe jos.", "În sfârșit plouă după trei săptămâni de căldură."),
    ),
    Language(
        "hu",
        (
            "én is",
            "Én is. Hiszek mindannyiótoknak.",
            "Nem vagytok egyedül.",
            "Köszönöm mindenkinek, aki ma meg mert szólalni.",
            "Olyan sokan vagyunk, ennek meg kell változnia.",
            "Olvasom a válaszaitokat, és erőt küldök mindenkinek.",
            "Ideje odafigyelni.",
            "Halljuk, amit mondtok, és mellettetek állunk.",
        ),
        ("Megint késik a vonat, inkább hazasétálok.", "Végre esik az eső, a kert már nagyon várta."),
    ),
    Language(
        "tr",
        (
            "ben de",
            "Ben de. Hepinize inanıyorum.",
            "Yalnız değilsiniz.",
            "Bugün konuşma cesaretini gösteren herkese teşekkürler.",
            "O kadar çoğuz ki bunun artık değişmesi gerekiyor.",
            "Yazdıklarınızı okuyorum, hepinize güç diliyorum.",
            "Artık dinleme zamanı.",
            "Sizi duyuyoruz ve yanınızdayız.",
        ),
        ("Otobüs yine gecikti, eve yürüyerek dönüyorum.", "Üç hafta sonra nihayet yağmur yağdı."),
        side_tags=("BenDe",),
    ),
    Language(
        "vi",
        (
            "tôi cũng vậy",
            "Tôi cũng vậy. Tôi tin tất cả các bạn.",
            "Các bạn không đơn độc.",
            "Cảm ơn tất cả những người dám lên tiếng hôm nay.",
            "Chúng ta đông đến thế, điều này phải thay đổi.",
            "Đọc những câu trả lời này và gửi thật nhiều sức mạnh đến mọi người.",
            "Đã đến lúc phải lắng nghe.",
            "Chúng tôi nghe thấy các bạn và luôn ở bên các bạn.",
        ),
        ("Sáng nay trời mưa to nên quán phở vắng hẳn.", "Xe buýt lại đến muộn, thôi đi bộ về nhà vậy."),
    ),
    Language(
        "id",
        (
            "aku juga",
            "Aku juga. Aku percaya kalian semua.",
            "Kalian tidak sendirian.",
            "Terima kasih untuk semua yang berani bicara hari ini.",
            "Kita sebanyak ini, keadaan harus berubah.",
            "Membaca semua balasan ini dan mengirim kekuatan untuk kalian.",
            "Sudah waktunya kita mendengarkan.",
            "Kami mendengar kalian dan berdiri di samping kalian.",
        ),
        ("Kereta terlambat lagi, akhirnya jalan kaki pulang.", "Akhirnya turun hujan setelah tiga minggu panas."),
    ),
    Language(
        "ru",
        (
            "я тоже",
            "Я тоже. Я верю вам всем.",
            "Вы не одни.",
            "Спасибо всем, кто сегодня решился говорить вслух.",
            "Нас так много, это должно измениться.",
            "Читаю ваши ответы и желаю всем вам сил.",
            "Пора слушать.",
            "Мы вас слышим и стоим рядом с вами.",
        ),
        ("Электричка опять опаздывает, иду домой пешком.", "Наконец-то дождь после трёх недель жары."),
        side_tags=("ЯТоже",),
    ),
    Language(
        "uk",
        (
            "я теж",
            "Я теж. Я вірю вам усім.",
            "Ви не самі.",
            "Дякую всім, хто сьогодні наважився говорити.",
            "Нас так багато, це має змінитися.",
            "Читаю ваші відповіді й бажаю всім вам сили.",
            "Час слухати.",
            "Ми чуємо вас і стоїмо поруч із вами.",
        ),
        ("Потяг знову запізнюється, йду додому пішки.", "Нарешті дощ після трьох тижнів спеки."),
        side_tags=("ЯТеж",),
    ),
    Language(
        "el",
        (
            "κι εγώ",
            "Κι εγώ. Σας πιστεύω όλες.",
            "Δεν είστε μόνες.",
            "Ευχαριστώ όσους βρίσκουν σήμερα το θάρρος να μιλήσουν.",
            "Είμαστε τόσες πολλές, αυτό πρέπει να αλλάξει.",
            "Διαβάζω τις απαντήσεις σας και σας στέλνω δύναμη.",
            "Είναι ώρα να ακούσουμε.",
            "Σας ακούμε και στεκόμαστε δίπλα σας.",
        ),
        ("Το λεωφορείο άργησε πάλι, γυρίζω με τα πόδια.", "Επιτέλους έβρεξε ύστερα από τρεις εβδομάδες ζέστη."),
    ),
    Language(
        "ar",
        (
            "أنا أيضا",
            "وأنا أيضا. أصدقكم جميعا.",
            "لستن وحدكن.",
            "شكرا لكل من يملك الشجاعة ليتكلم اليوم.",
            "نحن كثيرات جدا، ولا بد أن يتغير هذا.",
            "أقرأ ردودكم وأرسل القوة لكم جميعا.",
            "حان وقت الإصغاء.",
            "نحن نسمعكم ونقف إلى جانبكم.",
        ),
        ("القهوة هذا الصباح أفضل من المعتاد.", "تأخر الباص مرة أخرى فعدت إلى البيت مشيا."),
        ("وأنا_أيضا", "أنا_أيضا"),
    ),
    Language(
        "ur",
        (
            "میں بھی",
            "میں بھی۔ مجھے آپ سب پر یقین ہے۔",
            "آپ اکیلی نہیں ہیں۔",
            "آج آواز اٹھانے والے سب لوگوں کا شکریہ۔",
            "ہم اتنے زیادہ ہیں، اب یہ بدلنا چاہیے۔",
            "آپ کے جواب پڑھ رہی ہوں اور سب کو ہمت بھیج رہی ہوں۔",
            "اب سننے کا وقت ہے۔",
            "ہم آپ کی بات سن رہے ہیں اور آپ کے ساتھ کھڑے ہیں۔",
        ),
        ("آج چائے بہت اچھی بنی ہے۔", "بس پھر دیر سے آئی، پیدل گھر جا رہا ہوں۔"),
    ),
    Language(
        "hi",
        (
            "मैं भी",
            "मैं भी। मुझे आप सब पर विश्वास है।",
            "आप अकेली नहीं हैं।",
            "आज बोलने की हिम्मत करने वाले सभी लोगों का धन्यवाद।",
            "हम इतने सारे हैं, अब यह बदलना चाहिए।",
            "आपके जवाब पढ़ रही हूँ और सबको हिम्मत भेज रही हूँ।",
            "अब सुनने का समय है।",
            "हम आपकी बात सुन रहे हैं और आपके साथ खड़े हैं।",
        ),
        ("आज की चाय बहुत अच्छी बनी है।", "बस फिर देर से आई, पैदल घर जा रहा हूँ।"),
        ("MeTooIndia",),
        ("मैं_भी",),
    ),
    Language(
        "ja",
        (
            "私も",
            "私も。みなさんの言葉を信じます。",
            "あなたは一人じゃない。",
            "今日、声を上げたすべての人に感謝します。",
            "こんなに多くの人がいる。変わらなければいけない。",
            "みなさんの返信を読んで、心から応援しています。",
            "今こそ耳を傾けるときです。",
            "私たちは聞いています。いつもそばにいます。",
        ),
        ("今日は駅前のパン屋がとても混んでいた。", "やっと雨が上がったので散歩に行きます。"),
        side_tags=("私も",),
    ),
)

COMMUNITIES: Final = (
    Community(
        "en-US",
        300,
        (
            ProfilePlace("NYC", "US", -73.97, 40.76),
            ProfilePlace("Los Angeles, CA", "US", -118.25, 34.06),
            ProfilePlace("Texas, USA", "US", -97.74, 30.27),
            ProfilePlace("Chicago, Illinois", "US", -87.75, 41.88),
            ProfilePlace("Atlanta 🍑", "US", -84.39, 33.75),
            ProfilePlace("Toronto, Canada", "CA", -79.4, 43.7),
            ProfilePlace("Vancouver, BC", "CA", -123.1, 49.25),
        ),
    ),
    Community(
        "en-GB",
        90,
        (
            ProfilePlace("London, UK", "GB", -0.12, 51.51),
            ProfilePlace("Manchester, England", "GB", -2.24, 53.48),
            ProfilePlace("Edinburgh, Scotland", "GB", -3.2, 55.94),
            ProfilePlace("Dublin, Ireland", "IE", -6.29, 53.34),
        ),
    ),
    Community(
        "en-IN",
        45,
        (
            ProfilePlace("Mumbai, India", "IN", 72.88, 19.08),
            ProfilePlace("Bengaluru 🇮🇳", "IN", 77.59, 12.97),
            ProfilePlace("New Delhi", "IN", 77.21, 28.61),
            ProfilePlace("Karachi, Pakistan", "PK", 67.03, 24.9),
        ),
    ),
    Community(
        "en-AU",
        40,
        (
            ProfilePlace("Sydney, Australia", "AU", 151.1, -33.87),
            ProfilePlace("Melbourne", "AU", 144.96, -37.81),
            ProfilePlace("Aotearoa New Zealand", "NZ", 175.62, -40.35),
        ),
    ),
    Community(
        "en-ZA",
        35,
        (
            ProfilePlace("Johannesburg, South Africa", "ZA", 28.04, -26.2),
            ProfilePlace("Lagos, Nigeria", "NG", 3.35, 6.58),
            ProfilePlace("Nairobi, Kenya", "KE", 36.82, -1.29),
            ProfilePlace("Accra | Ghana 🇬🇭", "GH", -0.2, 5.62),
        ),
    ),
    Community(
        "it-IT",
        60,
        (
            ProfilePlace("Milano, Italia", "IT", 9.19, 45.46),
            ProfilePlace("Roma", "IT", 12.5, 41.9),
            ProfilePlace("Bologna 🇮🇹", "IT", 11.34, 44.49),
        ),
    ),
    Community(
        "fr-FR",
        50,
        (
            ProfilePlace("Paris, France", "FR", 2.35, 48.86),
            ProfilePlace("Lyon", "FR", 4.84, 45.76),
            ProfilePlace("Bruxelles, Belgique", "BE", 4.35, 50.85),
            ProfilePlace("Montréal, Québec", "CA", -73.6, 45.53),
        ),
    ),
    Community(
        "es-ES",
        30,
        (
            ProfilePlace("Madrid, España", "ES", -3.7, 40.42),
            ProfilePlace("Sevilla", "ES", -5.98, 37.39),
            ProfilePlace("Barcelona", "ES", 2.15, 41.4),
        ),
    ),
    Community(
        "es-MX",
        35,
        (
            ProfilePlace("Ciudad de México", "MX", -99.13, 19.43),
            ProfilePlace("Buenos Aires, Argentina", "AR", -58.44, -34.61),
            ProfilePlace("Bogotá, Colombia", "CO", -74.08, 4.65),
            ProfilePlace("Santiago de Chile 🇨🇱", "CL", -70.65, -33.45),
        ),
    ),
    Community(
        "de-DE",
        28,
        (
            ProfilePlace("Berlin", "DE", 13.4, 52.52),
            ProfilePlace("Köln, Deutschland", "DE", 6.96, 50.94),
            ProfilePlace("Wien, Österreich", "AT", 16.37, 48.21),
            ProfilePlace("Bern, Schweiz", "CH", 7.45, 46.95),
        ),
    ),
    Community(
        "pt-BR",
        25,
        (
            ProfilePlace("São Paulo, Brasil", "BR", -46.63, -23.55),
            ProfilePlace("Belo Horizonte 🇧🇷", "BR", -43.94, -19.92),
            ProfilePlace("Lisboa, Portugal", "PT", -9.17, 38.74),
        ),
    ),
    Community(
        "nl-NL",
        18,
        (
            ProfilePlace("Utrecht, Nederland", "NL", 5.12, 52.09),
            ProfilePlace("Amsterdam", "NL", 4.89, 52.36),
            ProfilePlace("Gent, België", "BE", 3.72, 51.05),
        ),
    ),
    Community(
        "sv-SE",
        24,
        (ProfilePlace("Stockholm, Sverige", "SE", 18.03, 59.33), ProfilePlace("Uppsala 🇸🇪", "SE", 17.64, 59.86)),
    ),
    Community(
        "no-NO", 10, (ProfilePlace("Oslo, Norge", "NO", 10.76, 59.92), ProfilePlace("Trondheim", "NO", 10.4, 63.41))
    ),
    Community(
        "da-DK", 10, (ProfilePlace("København, Danmark", "DK", 12.53, 55.69), ProfilePlace("Odense", "DK", 10.39, 55.4))
    ),
    Community(
        "fi-FI", 10, (ProfilePlace("Tampere, Suomi", "FI", 23.77, 61.49), ProfilePlace("Helsinki", "FI", 24.93, 60.19))
    ),
    Community(
        "pl-PL", 12, (ProfilePlace("Warszawa, Polska", "PL", 21.01, 52.23), ProfilePlace("Kraków", "PL", 19.94, 50.06))
    ),
    Community("cs-CZ", 9, (ProfilePlace("Praha, Česko", "CZ", 14.42, 50.08), ProfilePlace("Brno", "CZ", 16.61, 49.2))),
    Community(
        "ro-RO",
        9,
        (ProfilePlace("București, România", "RO", 26.1, 44.43), ProfilePlace("Cluj-Napoca", "RO", 23.6, 46.77)),
    ),
    Community(
        "hu-HU",
        9,
        (ProfilePlace("Budapest, Magyarország", "HU", 19.05, 47.5), ProfilePlace("Szeged", "HU", 20.12, 46.26)),
    ),
    Community(
        "tr-TR", 14, (ProfilePlace("Ankara, Türkiye", "TR", 32.86, 39.93), ProfilePlace("İstanbul", "TR", 28.9, 41.05))
    ),
    Community(
        "vi-VN",
        9,
        (ProfilePlace("Hà Nội, Việt Nam", "VN", 105.83, 21.03), ProfilePlace("Sài Gòn", "VN", 106.66, 10.78)),
    ),
    Community(
        "id-ID",
        14,
        (
            ProfilePlace("Yogyakarta, Indonesia", "ID", 110.37, -7.79),
            ProfilePlace("Jakarta Selatan", "ID", 106.81, -6.26),
        ),
    ),
    Community(
        "ru-RU",
        12,
        (ProfilePlace("Москва", "RU", 37.62, 55.76), ProfilePlace("Екатеринбург, Россия", "RU", 60.6, 56.84)),
    ),
    Community(
        "uk-UA", 9, (ProfilePlace("Київ, Україна", "UA", 30.52, 50.45), ProfilePlace("Львів 🇺🇦", "UA", 24.03, 49.84))
    ),
    Community(
        "el-GR", 9, (ProfilePlace("Αθήνα, Ελλάδα", "GR", 23.73, 37.99), ProfilePlace("Λάρισα", "GR", 22.42, 39.64))
    ),
    Community(
        "ar-EG",
        16,
        (
            ProfilePlace("القاهرة، مصر", "EG", 31.24, 30.05),
            ProfilePlace("عمّان، الأردن", "JO", 35.92, 31.95),
            ProfilePlace("الرباط، المغرب", "MA", -6.83, 33.97),
        ),
    ),
    Community(
        "ur-PK", 22, (ProfilePlace("لاہور، پاکستان", "PK", 74.34, 31.52), ProfilePlace("Islamabad", "PK", 73.05, 33.69))
    ),
    Community("hi-IN", 22, (ProfilePlace("दिल्ली, भारत", "IN", 77.21, 28.64), ProfilePlace("लखनऊ", "IN", 80.95, 26.85))),
    Community("ja-JP", 16, (ProfilePlace("東京", "JP", 139.7, 35.69), ProfilePlace("京都市", "JP", 135.75, 35.01))),
)

WAVES: Final = (
    Wave(5.2, 0.9, 3.0, 60.0),
    Wave(29.2, 2.0, 4.0, 26.0),
    Wave(9.0, 0.5, 1.5, 6.0, ("it-IT",)),
    Wave(11.0, 0.5, 1.5, 6.0, ("fr-FR",)),
    Wave(14.0, 1.0, 1.5, 5.0, ("es-ES", "es-MX", "pt-BR")),
    Wave(17.0, 1.0, 2.0, 4.0, ("sv-SE", "no-NO", "da-DK", "fi-FI")),
    Wave(20.0, 1.0, 2.0, 4.0, ("de-DE", "nl-NL")),
    Wave(23.0, 1.0, 2.0, 5.0, ("en-IN", "hi-IN", "ur-PK")),
    Wave(34.0, 1.0, 2.0, 4.0, ("en-AU", "ja-JP", "vi-VN", "id-ID")),
    Wave(37.0, 1.0, 2.0, 4.0, ("ar-EG", "tr-TR", "en-ZA")),
    Wave(41.0, 1.0, 2.0, 4.0, ("pl-PL", "cs-CZ", "hu-HU", "ro-RO", "ru-RU", "uk-UA", "el-GR")),
)
