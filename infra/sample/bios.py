"""Interests and places from which short bios are made up, each in the language of the person."""

from collections.abc import Mapping

INTERESTS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "allotment gardener", "bakes bread at odd hours", "bird counts and maps", "nurse on nights", "local news",
        "old bicycles", "teaches physics", "long walks, short books", "plays the bassoon", "retired ferry pilot",
        "mostly about football", "learning to weave", "amateur astronomer", "two cats", "trains and timetables",
    ),
    "de": (
        "unterrichtet Physik", "Fahrrad statt Auto", "Schrebergarten", "Kaffee und Kreuzworträtsel", "Bergwandern",
        "singt im Chor", "liest zu viel", "Brettspiele", "Stadtgeschichte", "Fußball", "Nordsee", "hält Bienen",
    ),
    "fr": (
        "prof d’histoire", "randonnées", "cuisine du dimanche", "rugby", "café serré", "libraire", "jardin et abeilles",
        "cinéma de quartier", "travaille de nuit", "vélo", "photos floues", "polars", "deux chats",
    ),
    "es": (
        "docente", "fútbol y mate", "café por la mañana", "fotos de la calle", "cocina de casa", "senderismo",
        "guitarra desafinada", "noticias del barrio", "novelas largas", "dos perros", "plantas", "astronomía",
    ),
    "pt": (
        "dou aulas", "futebol aos domingos", "café sem açúcar", "fotografia", "violão", "praia sempre", "livros usados",
        "plantas na varanda", "novelas", "bicicleta", "histórias da cidade", "três gatos",
    ),
    "it": (
        "insegno lettere", "calcio e caffè", "orto sul balcone", "foto per caso", "montagna", "libri usati", "gatti",
        "cinema muto", "cucina della nonna", "politica locale", "bicicletta", "turni di notte",
    ),
    "ar": (
        "قهوة وكتب", "أحب التصوير", "كرة القدم", "هندسة مدنية", "أخبار المدينة", "شعر وموسيقى", "السفر", "طبخ البيت",
        "حديقة صغيرة", "تعليم اللغات", "قراءة الليل", "قطتان",
    ),
    "hi": (
        "चाय और क्रिकेट", "किताबें", "फोटोग्राफी", "पुराने गाने", "घूमना पसंद है", "समाचार", "बागवानी", "cricket and chai",
        "old film songs", "civil engineer", "train journeys", "street food",
    ),
    "th": (
        "ครู", "ชอบกาแฟ", "ทาสแมว", "ถ่ายรูป", "เที่ยวทะเล", "ของกินอร่อย", "ฟุตบอล", "พยาบาล", "ปลูกต้นไม้", "อ่านหนังสือ",
        "ขายของออนไลน์", "วิ่งตอนเช้า",
    ),
}  # fmt: skip

PLACES: Mapping[str, tuple[str, ...]] = {
    "en": ("Leeds", "Cardiff", "Lagos", "Nairobi", "Galway", "Accra", "Dundee", "Bristol", "Turku"),
    "de": ("Kiel", "Leipzig", "Bremen", "Graz", "Kassel", "Köln", "Ulm"),
    "fr": ("Nantes", "Lille", "Dakar", "Grenoble", "Liège", "Rennes", "Montréal"),
    "es": ("Rosario", "Cali", "Puebla", "Cusco", "Valdivia", "Montevideo", "Caracas"),
    "pt": ("Recife", "Curitiba", "Belém", "Braga", "Salvador", "Niterói"),
    "it": ("Torino", "Bari", "Cagliari", "Trieste", "Parma", "Lecce"),
    "ar": ("القاهرة", "جدة", "بيروت", "عمّان", "الرياض", "تونس"),
    "hi": ("Jaipur", "भोपाल", "Pune", "लखनऊ", "Indore", "पटना"),
    "th": ("เชียงใหม่", "ขอนแก่น", "กรุงเทพฯ", "ภูเก็ต", "สงขลา"),
}

MARKS = ("🌿", "☕", "⚽", "📚", "🌙", "🎧", "🚲", "🐈", "✨", "🌊")
