"""The words that demo records are made of: people and places of many languages, and trades."""

from typing import Final, NamedTuple


class Locale(NamedTuple):
    """A country as far as demo records need it.

    Attributes:
        weight: How often it is chosen.
        cities: City and region.
        given: Given names; where they are not in Latin letters, each with its Latin form: `x=y`.
        family: The same for family names.
        suffixes: What the names of companies end in.
    """

    weight: int
    country: str
    code: str
    dial: str
    currency: str
    timezone: str
    cities: tuple[tuple[str, str], ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    suffixes: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LOCALES: Final = (
    Locale(
        30,
        "United States",
        "US",
        "1",
        "USD",
        "America/New_York",
        (
            ("New York", "New York"),
            ("San Francisco", "California"),
            ("Austin", "Texas"),
            ("Chicago", "Illinois"),
            ("Boston", "Massachusetts"),
            ("Seattle", "Washington"),
        ),
        _words("Emma James Olivia Liam Ava Noah Sophia Mason Grace Ethan Chloe Logan Ruby Owen"),
        _words("Smith Johnson Williams Brown Miller Davis Wilson Anderson Moore O'Brien Clark"),
        ("Inc.", "LLC", "Corp."),
    ),
    Locale(
        12,
        "United Kingdom",
        "GB",
        "44",
        "GBP",
        "Europe/London",
        (("London", "England"), ("Manchester", "England"), ("Edinburgh", "Scotland")),
        _words("Oliver Amelia Harry Isla George Freya Alfie Poppy Archie Imogen Siân Callum"),
        _words("Jones Taylor Davies Evans Thomas Hughes Walker Wright Campbell Stewart"),
        ("Ltd", "plc", "LLP"),
    ),
    Locale(
        14,
        "Germany",
        "DE",
        "49",
        "EUR",
        "Europe/Berlin",
        (("Berlin", "Berlin"), ("München", "Bayern"), ("Köln", "Nordrhein-Westfalen")),
        _words("Jürgen Sophie Lukas Käthe Jörg Hannah Felix Änne Björn Lena Günter Mia Max"),
        _words("Müller Schmidt Weiß Schröder Fischer Krüger Bäcker Groß Wagner Jäger Köhler"),
        ("GmbH", "AG", "KG"),
    ),
    Locale(
        10,
        "France",
        "FR",
        "33",
        "EUR",
        "Europe/Paris",
        (("Paris", "Île-de-France"), ("Lyon", "Auvergne-Rhône-Alpes"), ("Nîmes", "Occitanie")),
        _words("Chloé Hélène Rémi François Zoé Benoît Élodie Loïc Agnès Jérôme Noémie Luc"),
        _words("Lefèvre Dubois Moreau Bélanger Garçon Gauthier Lemaître Rousseau Faure"),
        ("SA", "SAS", "SARL"),
    ),
    Locale(
        8,
        "Spain",
        "ES",
        "34",
        "EUR",
        "Europe/Madrid",
        (("Madrid", "Comunidad de Madrid"), ("Málaga", "Andalucía"), ("Barcelona", "Cataluña")),
        _words("José María Íñigo Lucía Álvaro Sofía Ramón Begoña Andrés Núria Óscar Inés"),
        _words("García Muñoz Núñez Ibáñez López Peña Gutiérrez Fernández Castaño Vázquez"),
        ("S.A.", "S.L."),
    ),
    Locale(
        7,
        "Poland",
        "PL",
        "48",
        "PLN",
        "Europe/Warsaw",
        (("Warszawa", "Mazowieckie"), ("Łódź", "Łódzkie"), ("Kraków", "Małopolskie")),
        _words("Łukasz Małgorzata Paweł Żaneta Michał Świętosława Wojciech Zofia Rafał Ewa"),
        _words("Wójcik Kowalczyk Wiśniewski Błaszczyk Dąbrowska Kamiński Żak Gołębiowska"),
        ("sp. z o.o.", "S.A."),
    ),
    Locale(
        4,
        "Greece",
        "GR",
        "30",
        "EUR",
        "Europe/Athens",
        (("Αθήνα", "Αττική"), ("Θεσσαλονίκη", "Κεντρική Μακεδονία")),
        _words(
            "Αλέξανδρος=Alexandros Ελένη=Eleni Γιώργος=Giorgos Σοφία=Sofia Νίκος=Nikos"
            " Δήμητρα=Dimitra Κώστας=Kostas Άννα=Anna"
        ),
        _words(
            "Παπαδόπουλος=Papadopoulos Νικολάου=Nikolaou Γεωργίου=Georgiou Οικονόμου=Oikonomou"
            " Δημητρίου=Dimitriou Ιωάννου=Ioannou"
        ),
        ("A.E.", "EPE"),
    ),
    Locale(
        7,
        "Japan",
        "JP",
        "81",
        "JPY",
        "Asia/Tokyo",
        (("東京", "東京都"), ("大阪", "大阪府"), ("札幌", "北海道")),
        _words(
            "太郎=Taro 花子=Hanako 健=Ken 美咲=Misaki 翔太=Shota さくら=Sakura 大輔=Daisuke"
            " 陽菜=Hina"
        ),
        _words(
            "田中=Tanaka 佐藤=Sato 鈴木=Suzuki 高橋=Takahashi 渡辺=Watanabe 伊藤=Ito 山本=Yamamoto"
        ),
        ("K.K.", "Co., Ltd."),
    ),
    Locale(
        5,
        "Egypt",
        "EG",
        "20",
        "EGP",
        "Africa/Cairo",
        (("القاهرة", "القاهرة"), ("الإسكندرية", "الإسكندرية")),
        _words(
            "أحمد=Ahmed فاطمة=Fatima محمد=Mohamed نور=Nour يوسف=Youssef مريم=Mariam عمر=Omar"
            " ليلى=Layla"
        ),
        _words("حسن=Hassan السيد=Elsayed إبراهيم=Ibrahim منصور=Mansour خليل=Khalil فاروق=Farouk"),
        ("S.A.E.", "LLC"),
    ),
    Locale(
        9,
        "Brazil",
        "BR",
        "55",
        "BRL",
        "America/Sao_Paulo",
        (("São Paulo", "São Paulo"), ("Brasília", "Distrito Federal"), ("Maceió", "Alagoas")),
        _words("João Conceição Luís Júlia Antônio Letícia Caíque Mônica Fábio Beatriz Vítor"),
        _words("Gonçalves Araújo Simões Magalhães Conceição Leão Brandão Sá Ribeiro Souza"),
        ("Ltda.", "S.A."),
    ),
    Locale(
        10,
        "India",
        "IN",
        "91",
        "INR",
        "Asia/Kolkata",
        (("Mumbai", "Maharashtra"), ("Bengaluru", "Karnataka"), ("Delhi", "Delhi")),
        _words("Aarav Priya Vihaan Ananya Arjun Diya Rohan Kavya Ishaan Meera Aditya Neha"),
        _words("Sharma Patel Iyer Reddy Singh Gupta Nair Mehta Chatterjee Joshi Rao Desai"),
        ("Pvt. Ltd.", "Ltd."),
    ),
    Locale(
        4,
        "Sweden",
        "SE",
        "46",
        "SEK",
        "Europe/Stockholm",
        (("Stockholm", "Stockholms län"), ("Göteborg", "Västra Götaland"), ("Malmö", "Skåne")),
        _words("Åsa Björn Märta Göran Ebba Håkan Saga Örjan Linnéa Erik Tove Nils"),
        _words("Sjöberg Åkesson Lindström Ekström Nyström Öberg Hägg Lund Bergqvist Norén"),
        ("AB", "HB"),
    ),
)

COMPANY_STARTS: Final = _words(
    "Amber Alpine Arbor Atlas Aurora Beacon Birch Blue Bright Cedar Clear Cobalt Copper Coral"
    " Crest Delta Echo Ember Falcon Fern Flint Forge Frost Gold Granite Harbor Hazel Helix"
    " Horizon Indigo Iron Ivory Jade Juniper Keystone Lake Lark Laurel Lumen Maple Meridian Mint"
    " Nimbus North Nova Oak Onyx Opal Orbit Pearl Pine Pioneer Prism Quartz Raven Ridge River"
    " Sable Sage Silver Slate Solar Spruce Stellar Stone Summit Swift Terra Timber Topaz Vector"
    " Velvet Vertex Violet Willow Zenith"
)
COMPANY_MIDDLES: Final = _words(
    "bridge brook cast craft dale field flow fold gate grid grove hill land leaf light line link"
    " loop mark mill path peak point port reach rise scale scape shore spring stack star trail"
    " vale view ward wave way well wood works yard"
)

INDUSTRIES: Final = {
    "Software": ("saas", "cloud", "analytics", "platform"),
    "Financial Services": ("payments", "lending", "wealth management"),
    "Hospital & Health Care": ("clinics", "telemedicine", "patient care"),
    "Manufacturing": ("precision parts", "assembly", "automation"),
    "Retail": ("e-commerce", "stores", "consumer goods"),
    "Logistics & Supply Chain": ("freight", "warehousing", "last mile"),
    "Management Consulting": ("strategy", "transformation", "due diligence"),
    "Education": ("e-learning", "training", "universities"),
    "Renewable Energy": ("solar", "wind", "storage"),
    "Media Production": ("video", "publishing", "podcasts"),
    "Construction": ("civil engineering", "interiors", "project planning"),
    "Telecommunications": ("fiber", "mobile networks", "voip"),
    "Biotechnology": ("diagnostics", "drug discovery", "genomics"),
    "Hospitality": ("hotels", "events", "catering"),
}
TECHNOLOGIES: Final = (
    *_words("AWS Azure Docker Kubernetes PostgreSQL Python React Salesforce HubSpot Slack Stripe"),
    *_words("Snowflake Zendesk Shopify WordPress Cloudflare Jira SAP Tableau Marketo"),
    "Google Analytics",
    "Google Workspace",
    "Microsoft 365",
)
FUNDING_ROUNDS: Final = ("Seed", "Series A", "Series B", "Series C", "Private Equity", "Debt")

DEPARTMENTS: Final = {
    "Sales": ("Sales", "Account Executive", "Chief Revenue Officer"),
    "Marketing": ("Marketing", "Marketing Specialist", "Chief Marketing Officer"),
    "Engineering": ("Engineering", "Software Engineer", "Chief Technology Officer"),
    "Finance": ("Finance", "Accountant", "Chief Financial Officer"),
    "Human Resources": ("People", "Recruiter", "Chief People Officer"),
    "Operations": ("Operations", "Operations Analyst", "Chief Operating Officer"),
    "Customer Success": (
        "Customer Success",
        "Success Specialist",
        "Chief Customer Officer",
    ),
    "Product": ("Product", "Product Designer", "Chief Product Officer"),
    "Legal": ("Legal", "Counsel", "General Counsel"),
    "Information Technology": ("IT", "Systems Administrator", "Chief Information Officer"),
}
"""Department: its name in titles, what its people are called, and its chief."""

STAGES: Final = (
    *_words("COLD WARM HOT APPROACHING REPLIED INTERESTED NOT_INTERESTED UNRESPONSIVE"),
    *_words("CHANGED_JOB BAD_DATA"),
)
LEAD_STATUSES: Final = ("new", "open", "in progress", "attempted", "connected", "bad timing")
TAGS: Final = (
    *_words("newsletter vip partner event-2024 event-2025 webinar trial champion referral"),
    *_words("re-engage enterprise"),
)
# Reserved names: mail to them goes nowhere. Source: RFC 2606.
HOSTS: Final = ("example.com", "example.net", "example.org")
FREE_MAIL_HOSTS: Final = _words("mail.example.com post.example.net inbox.example.org")
STREETS: Final = ("Main Street", "Bahnhofstraße", "Rue de l’Église", "Calle Mayor", "High Street")
HEADLINES: Final = (
    "Building teams that ship",
    "Turning data into decisions",
    "Helping customers grow",
    "Open to new conversations",
    "Always learning",
)
NOTES: Final = (
    "Met at the spring fair; asked for a price list.",
    "Prefers calls in the morning.",
    "Budget is decided in Q4.\nFollow up in September.",
    "Uses a competitor until the contract ends.",
    "Introduced by a common customer.",
)
ACTIVITIES: Final = {
    "NOTE": ("Wants a comparison with their current tool.", "Asked for references."),
    "CALL": ("Left a message.", "Talked for ten minutes, wants a demo.", "No answer."),
    "EMAIL": ("Sent the introduction.", "Answered with questions about prices."),
    "MEETING": ("Demo with the team.", "Lunch at the fair."),
    "TASK": ("Send the offer.", "Check in again."),
}
