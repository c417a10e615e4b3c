"""Names from which people are made up; any likeness to a real person is by chance.

A name is written in Latin script, or as latin=native where its bearers would use their own script.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Culture:
    """Given names and surnames that go together; `family_first` tells how a native-script name is put together."""

    given: tuple[str, ...]
    surnames: tuple[str, ...]
    family_first: bool = False


def _culture(given: str, surnames: str, family_first: bool = False) -> Culture:
    return Culture(tuple(given.split()), tuple(surnames.split()), family_first)


ENGLISH = _culture(
    "Alice Owen Grace Harriet Callum Ruby Ewan Nora Miles Tess Jasper Freya Rhys Imogen Toby Maeve Declan Hazel Finn "
    "Poppy Silas Edith Rory June Abel Wren Otis Clara",
    "Ashworth Bramley Calloway Dunmore Ellery Fairclough Garrick Holloway Inskip Kerrigan Langley Merrick Norwood "
    "Pemberton Quigley Redfern Sallow Thackeray Underhill Whitlock Yardley Hawthorne Prescott Lockwood",
)
NORDIC = _culture(
    "Tom Astrid Sören Linnea Björn Maja Eirik Saga Jonas Ronja Aino Eero Helmi Odd Tuva Viggo",
    "Lindqvist Sandberg Højgaard Nygård Virtanen Korhonen Bergström Solheim Åkesson Dalgaard Ekström Haugen Niemi "
    "Strand",
)
WEST_AFRICAN = _culture(
    "Mira Chidi Adaeze Kwame Abena Tunde Folake Ngozi Kofi Ama Emeka Yetunde Sade Femi Amadou Fatou Mariama Ousmane",
    "Okafor Adeyemi Mensah Boateng Eze Balogun Diallo Ndiaye Traoré Owusu Nwosu Afolabi Konaté Sarr Asante Okonkwo",
)
EAST_AFRICAN = _culture(
    "Wanjiru Kamau Achieng Otieno Zawadi Baraka Neema Juma Almaz Dawit Selam Tesfaye Amina Hamisi",
    "Mwangi Odhiambo Kariuki Njoroge Wekesa Mushi Bekele Haile Tadesse Kimani Chebet Nyambura",
)
CHINESE = _culture(
    "Mei=梅 Jun=俊 Lihua=丽华 Xiaoming=晓明 Yan=燕 Haoran=浩然 Ying=颖 Tao=涛 Xue=雪 Peng=鹏",
    "Chen=陈 Lin=林 Zhao=赵 Guo=郭 Xu=徐 Sun=孙 Tang=唐 Deng=邓 Shen=沈 Luo=罗",
    family_first=True,
)
JAPANESE = _culture(
    "Haruka=遥 Kenta=健太 Yui=結衣 Sota=颯太 Aoi=葵 Ren=蓮 Mio=美桜 Daichi=大地 Naoko=直子 Takumi=匠",
    "Hayashi=林 Mori=森 Ishida=石田 Ogawa=小川 Matsuda=松田 Fujii=藤井 Okada=岡田 Kimura=木村 Noda=野田 Ueda=上田",
    family_first=True,
)
KOREAN = _culture(
    "Jiwoo=지우 Minjun=민준 Seoyeon=서연 Hajun=하준 Yuna=유나 Doyun=도윤 Sumin=수민 Eunji=은지 Taeho=태호 Bora=보라",
    "Kim=김 Lee=이 Park=박 Choi=최 Jung=정 Kang=강 Cho=조 Yoon=윤 Han=한 Shin=신",
    family_first=True,
)
SLAVIC = _culture(
    "Olena=Олена Taras=Тарас Daryna=Дарина Pavlo=Павло Irina=Ирина Maksim=Максим Vera=Вера Lev=Лев Bohdan=Богдан "
    "Zoya=Зоя",
    "Shevchuk=Шевчук Kovalenko=Коваленко Melnyk=Мельник Bondar=Бондар Orlov=Орлов Sokolenko=Соколенко "
    "Kravets=Кравец Lysenko=Лисенко",
)
GREEK = _culture(
    "Eleni=Ελένη Nikos=Νίκος Katerina=Κατερίνα Yannis=Γιάννης Sofia=Σοφία Petros=Πέτρος Dimitra=Δήμητρα",
    "Nikolaou=Νικολάου Vlachos=Βλάχος Pappas=Παππάς Ioannou=Ιωάννου Makris=Μακρής Lambrou=Λάμπρου",
)
GERMAN = _culture(
    "Lena Jannik Greta Moritz Frieda Till Annika Lukas Svenja Jürgen Käthe Florian Heike Matthias Ulrike Bernd Nele "
    "Lars Mareike Torsten Jule Konrad Sabine Veit",
    "Baumgärtner Krämer Vogel Lindner Schäfer Winkler Brandt Kessler Hoffmann Reuter Steinbach Pohl Dietrich Franke "
    "Osterloh Größmann Wiegand Thiele Ahrens Böttcher",
)
TURKISH = _culture(
    "Elif Emre Zeynep Can Ayşe Mert Defne Kerem Gül Ozan Selin Barış Nazlı Onur",
    "Yıldırım Kaya Demir Şahin Aksoy Çelik Doğan Arslan Koç Öztürk Güneş Polat",
)
POLISH = _culture(
    "Zofia Kacper Hanna Wojtek Agnieszka Piotr Maja Łukasz Kasia Tomek",
    "Kowalczyk Zieliński Wójcik Mazur Król Piątek Nowicki Jabłońska Sikora Wrona",
)
FRENCH = _culture(
    "Camille Hugo Élise Théo Manon Lucas Chloé Baptiste Inès Maxime Océane Rémi Anaïs Gaël Solène Yann Margaux Étienne "
    "Zoé Loïc Noémie Bastien",
    "Lefèvre Moreau Girard Roussel Fontaine Chevalier Garnier Marchand Picard Bonnet Delorme Carpentier Lemoine Renaud "
    "Besson Vasseur Perrin Aubert",
)
SPANISH = _culture(
    "Lucía Mateo Valentina Diego Camila Andrés Sofía Joaquín Ximena Rubén Paloma Íñigo Rocío Esteban Marisol Gonzalo "
    "Araceli Emilio Itzel Tomás Nayeli Bruno",
    "Herrera Castillo Ibáñez Navarro Quispe Salazar Muñoz Peralta Rojas Vargas Escobar Fuentes Mendoza Zamora Beltrán "
    "Cordero Ochoa Villalba Huerta Pizarro",
)
PORTUGUESE = _culture(
    "Beatriz João Larissa Thiago Inês Rafael Débora Caio Luana Vinícius Mariana Otávio Jussara Renan Tainá Murilo "
    "Leonor Duarte",
    "Almeida Nogueira Teixeira Barbosa Moura Cardoso Figueiredo Pacheco Azevedo Batista Lacerda Queiroz Sampaio Vilela "
    "Araújo Brandão",
)
ITALIAN = _culture(
    "Giulia Lorenzo Chiara Matteo Ilaria Davide Noemi Pietro Benedetta Nicolò Fiamma Ettore Ludovica Saverio Donata "
    "Ruggero Viola Tullio",
    "Ferrante Colombo Marchetti Galli Bellini Caruso Pellegrini Sartori Villa Moretti Donati Fabbri Basile Grasso "
    "Piras Zanetti Salis Tedesco",
)
ARABIC = _culture(
    "Layla=ليلى Omar=عمر Noor=نور Yousef=يوسف Huda=هدى Khalid=خالد Salma=سلمى Tariq=طارق Reem=ريم Ziad=زياد Amal=أمل "
    "Faris=فارس Dalia=داليا Hamza=حمزة Rania=رانيا Sami=سامي Maha=مها Walid=وليد",
    "Haddad=حداد Mansour=منصور Qasim=قاسم Darwish=درويش Nasser=ناصر Zahrani=الزهراني Khoury=خوري Otaibi=العتيبي "
    "Masri=المصري Shami=الشامي Najjar=النجار Rashid=راشد Saleh=صالح Bitar=البيطار",
)
HINDI = _culture(
    "Aarav=आरव Ananya=अनन्या Rohan=रोहन Kavita=कविता Vikram=विक्रम Priya=प्रिया Arjun=अर्जुन Neha=नेहा Suresh=सुरेश Meera=मीरा "
    "Nikhil=निखिल Pooja=पूजा Ishaan=ईशान Sunita=सुनीता Deepak=दीपक Ritu=ऋतु",
    "Sharma=शर्मा Verma=वर्मा Gupta=गुप्ता Joshi=जोशी Mishra=मिश्रा Chauhan=चौहान Yadav=यादव Patil=पाटिल Saxena=सक्सेना "
    "Rathore=राठौर Tiwari=तिवारी Bhatt=भट्ट Kulkarni=कुलकर्णी Dubey=दुबे",
)
THAI = _culture(
    "Somchai=สมชาย Malee=มาลี Anong=อนงค์ Prasert=ประเสริฐ Siriporn=ศิริพร Nattapong=ณัฐพงศ์ Kanya=กัญญา Wichai=วิชัย Ploy=พลอย "
    "Arthit=อาทิตย์ Fah=ฟ้า Mint=มิ้นท์ Boonmee=บุญมี Dao=ดาว Krit=กฤษณ์ Nok=นก",
    "Srisuk=ศรีสุข Boonsong=บุญส่ง Jaidee=ใจดี Thongdee=ทองดี Rattanakul=รัตนกุล Wongsa=วงศา Saelim=แซ่ลิ้ม Kaewmanee=แก้วมณี "
    "Suksan=สุขสันต์ Phumpha=พุ่มผา Chantra=จันทรา Meesri=มีศรี",
)

# Which cultures the speakers of a language come from; one named twice is twice as likely.
CULTURES: Mapping[str, tuple[Culture, ...]] = {
    "en": (ENGLISH, ENGLISH, ENGLISH, NORDIC, WEST_AFRICAN, EAST_AFRICAN, CHINESE, JAPANESE, KOREAN, SLAVIC, GREEK),
    "de": (GERMAN, GERMAN, GERMAN, TURKISH, POLISH),
    "fr": (FRENCH, FRENCH, FRENCH, WEST_AFRICAN),
    "es": (SPANISH,),
    "pt": (PORTUGUESE,),
    "it": (ITALIAN,),
    "ar": (ARABIC,),
    "hi": (HINDI,),
    "th": (THAI,),
}
