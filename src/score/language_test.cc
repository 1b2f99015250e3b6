#include "score/language.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>

namespace loco {
namespace {

const std::map<std::string, std::string> kTexts = {
    {"af", "Die kinders speel vandag in die tuin, maar hulle moet môre weer skool toe gaan."},
    {"ar", "يلعب الأطفال اليوم في الحديقة، لكن عليهم الذهاب إلى المدرسة غدا."},
    {"bg", "Децата играят днес в градината, но утре трябва да отидат на училище."},
    {"bn", "শিশুরা আজ বাগানে খেলছে, কিন্তু আগামীকাল তাদের স্কুলে যেতে হবে।"},
    {"ca", "Els nens juguen avui al jardí, però demà han de tornar a l'escola amb els seus amics."},
    {"cs", "Děti si dnes hrají na zahradě, ale zítra musí jít zase do školy."},
    {"cy", "Mae'r plant yn chwarae yn yr ardd heddiw, ond mae'n rhaid iddyn nhw fynd i'r ysgol yfory."},
    {"da", "Børnene leger i haven i dag, men i morgen skal de i skole igen, og så bliver der stille."},
    {"de", "Die Kinder spielen heute im Garten, aber morgen müssen sie wieder in die Schule gehen."},
    {"el", "Τα παιδιά παίζουν σήμερα στον κήπο, αλλά αύριο πρέπει να πάνε στο σχολείο."},
    {"en", "The children are playing in the garden today, but tomorrow they have to go to school."},
    {"es", "Los niños juegan hoy en el jardín, pero mañana tienen que volver a la escuela."},
    {"et", "Lapsed mängivad täna aias, aga homme peavad nad jälle kooli minema."},
    {"fa",
     "بچه‌ها امروز در باغ بازی می‌کنند، اما فردا باید به مدرسه "
     "بروند."},
    {"fi", "Lapset leikkivät tänään puutarhassa, mutta huomenna heidän täytyy mennä kouluun."},
    {"fr", "Les enfants jouent aujourd'hui dans le jardin, mais demain ils doivent aller à l'école."},
    {"gu", "બાળકો આજે બગીચામાં રમે છે, પણ કાલે તેમને શાળાએ જવું પડશે."},
    {"he", "הילדים משחקים היום בגינה, אבל מחר הם צריכים ללכת לבית הספר."},
    {"hi", "बच्चे आज बगीचे में खेल रहे हैं, लेकिन कल उन्हें स्कूल जाना है।"},
    {"hr", "Djeca se danas igraju u vrtu, ali sutra opet moraju ići u školu i učiti što je bilo prošli tjedan."},
    {"hu", "A gyerekek ma a kertben játszanak, de holnap megint iskolába kell menniük."},
    {"id", "Anak-anak bermain di kebun hari ini, tetapi besok mereka harus pergi ke sekolah karena ada ujian."},
    {"it", "I bambini giocano oggi in giardino, ma domani devono tornare a scuola."},
    {"ja", "子どもたちは今日は庭で遊んでいますが、明日は学校に行かなければなりません。"},
    {"kn", "ಮಕ್ಕಳು ಇಂದು ತೋಟದಲ್ಲಿ ಆಡುತ್ತಿದ್ದಾರೆ, ಆದರೆ ನಾಳೆ ಅವರು ಶಾಲೆಗೆ ಹೋಗಬೇಕು."},
    {"ko", "아이들은 오늘 정원에서 놀고 있지만 내일은 학교에 가야 합니다."},
    {"lt", "Vaikai šiandien žaidžia sode, bet rytoj jie vėl turi eiti į mokyklą."},
    {"lv", "Bērni šodien spēlējas dārzā, bet rīt viņiem atkal jāiet uz skolu."},
    {"mk", "Децата денес си играат во градината, но утре мора повторно да одат на училиште."},
    {"ml", "കുട്ടികൾ ഇന്ന് തോട്ടത്തിൽ കളിക്കുന്നു, പക്ഷേ നാളെ അവർക്ക് സ്കൂളിൽ പോകണം."},
    {"mr", "मुले आज बागेत खेळत आहेत, पण उद्या त्यांना शाळेत जावे लागेल."},
    {"ne", "केटाकेटीहरू आज बगैंचामा खेलिरहेका छन्, तर भोलि उनीहरूले विद्यालय जानुपर्छ।"},
    {"nl", "De kinderen spelen vandaag in de tuin, maar morgen moeten ze weer naar school."},
    {"no", "Barna leker i hagen i dag, men i morgen må de på skolen igjen, og da blir det stille her hjemme."},
    {"pa", "ਬੱਚੇ ਅੱਜ ਬਾਗ ਵਿੱਚ ਖੇਡ ਰਹੇ ਹਨ, ਪਰ ਕੱਲ੍ਹ ਉਨ੍ਹਾਂ ਨੂੰ ਸਕੂਲ ਜਾਣਾ ਪਵੇਗਾ।"},
    {"pl", "Dzieci bawią się dzisiaj w ogrodzie, ale jutro muszą znowu iść do szkoły."},
    {"pt", "As crianças brincam hoje no jardim, mas amanhã não podem faltar às aulas na escola."},
    {"ro", "Copiii se joacă astăzi în grădină, dar mâine trebuie să meargă la școală."},
    {"ru", "Дети сегодня играют в саду, но завтра им снова нужно идти в школу."},
    {"sk", "Deti sa dnes hrajú v záhrade, ale zajtra musia ísť opäť do školy."},
    {"sl", "Otroci se danes igrajo na vrtu, jutri pa morajo spet v šolo."},
    {"sq", "Fëmijët luajnë sot në kopsht, por nesër duhet të shkojnë përsëri në shkollë."},
    {"sv", "Barnen leker i trädgården i dag, men i morgon måste de gå till skolan igen."},
    {"sw", "Watoto wanacheza bustanini leo, lakini kesho ni lazima waende shuleni tena."},
    {"ta", "குழந்தைகள் இன்று தோட்டத்தில் விளையாடுகிறார்கள், ஆனால் நாளை அவர்கள் பள்ளிக்குச் செல்ல வேண்டும்."},
    {"te", "పిల్లలు ఈ రోజు తోటలో ఆడుకుంటున్నారు, కానీ రేపు వారు బడికి వెళ్ళాలి."},
    {"th", "วันนี้เด็กๆ เล่นอยู่ในสวน แต่พรุ่งนี้พวกเขาต้องไปโรงเรียน"},
    {"tr", "Çocuklar bugün bahçede oynuyor ama yarın yine okula gitmeleri gerekiyor."},
    {"uk", "Діти сьогодні граються в саду, але завтра їм знову треба йти до школи."},
    {"ur", "بچے آج باغ میں کھیل رہے ہیں، لیکن کل انہیں سکول جانا ہے۔"},
    {"vi", "Hôm nay bọn trẻ chơi trong vườn, nhưng ngày mai chúng phải đi học."},
    {"zh", "孩子们今天在花园里玩，但是明天他们必须去上学。"},
};

TEST_CASE("every language that can be asked for is known by a sentence of it") {
  const auto& codes = LanguageCodes();
  CHECK(std::is_sorted(codes.begin(), codes.end()));
  CHECK(codes.size() == kTexts.size());
  for (const std::string& code : codes) {
    CAPTURE(code);
    REQUIRE(kTexts.count(code) == 1);
    CHECK(DetectLanguage(kTexts.at(code)) == code);
  }
}

TEST_CASE("both scripts of Chinese are Chinese") {
  CHECK(DetectLanguage("孩子們今天在花園裡玩，但是明天他們必須去上學。") == "zh");
}

TEST_CASE("capitals do not change the language") {
  CHECK(DetectLanguage("THE CHILDREN ARE PLAYING IN THE GARDEN TODAY.") == "en");
  CHECK(DetectLanguage("DIE KINDER SPIELEN HEUTE IM GARTEN.") == "de");
}

TEST_CASE("what has too few words has no language") {
  for (const char* text : {"", " \n", "42", "...", "no", "\uFFFD", "xqzt vbnm wrtp"}) {
    CAPTURE(text);
    CHECK(DetectLanguage(text).empty());
  }
}

TEST_CASE("controls and NUL bytes hide nothing") {
  const std::string text = kTexts.at("fi");
  CHECK(DetectLanguage(std::string(1, '\0') + text) == "fi");
  CHECK(DetectLanguage("\x1b[31m" + text + std::string(100, '\x7f')) == "fi");
}

}  // namespace
}  // namespace loco
