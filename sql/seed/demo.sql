-- demo.sql - what a product CSV cannot say about the demo shop of demo.csv: its
-- tree of categories, the texts in Turkish, prices in euro and dollar, and an
-- order in time.  It is loaded after the CSV; a second run changes nothing.

BEGIN;

CREATE TEMP TABLE demo_category (handle, parent, en, tr) ON COMMIT DROP AS
VALUES
    ('home', NULL, 'Home', 'Ev'),
    ('kitchen', 'home', 'Kitchen', 'Mutfak'),
    ('coffee', 'kitchen', 'Coffee & Tea', 'Kahve ve Çay'),
    ('pottery', 'kitchen', 'Pottery', 'Çömlek'),
    ('cookware', 'kitchen', 'Cookware', 'Pişirme'),
    ('tableware', 'kitchen', 'Tableware', 'Sofra'),
    ('lighting', 'home', 'Lighting', 'Aydınlatma'),
    ('textiles', 'home', 'Textiles', 'Tekstil'),
    ('bath', 'textiles', 'Bath', 'Banyo'),
    ('bedroom', 'textiles', 'Bedroom', 'Yatak Odası'),
    ('table-linen', 'textiles', 'Table Linen', 'Sofra Tekstili'),
    ('living', 'home', 'Living Room', 'Oturma Odası'),
    ('furniture', 'living', 'Furniture', 'Mobilya'),
    ('rugs', 'living', 'Rugs & Kilims', 'Halı ve Kilim'),
    ('decor', 'living', 'Decoration', 'Dekorasyon'),
    ('garden', NULL, 'Garden', 'Bahçe'),
    ('books', NULL, 'Books', 'Kitaplar'),
    ('paper', 'books', 'Paper Goods', 'Kırtasiye');

CREATE TEMP TABLE demo_product (handle, title, description) ON COMMIT DROP AS
VALUES
    ('copper-coffee-pot', 'Bakır Cezve',
     '<p>Tek parça bakırdan dövülmüş, içi kalaylı. Uzun pirinç sapı, köpük kabarırken elinizi yakmaz.</p>'),
    ('coffee-cup-set', 'Kahve Fincanı Takımı',
     '<p>Elle boyanmış lale bordürlü altı fincan ve tabağı; hiçbiri diğerinin tıpatıp aynısı değil.</p>'),
    ('hand-mill', 'Pirinç El Değirmeni',
     '<p>Türk kahvesinin istediği incelikte öğütür. Kolu gövdenin içine katlanır.</p>'),
    ('tea-glass-set', 'Çay Bardağı Takımı',
     '<p>İnce belli altı bardak, tabaklarıyla: ağzı ince, dibi ağır.</p>'),
    ('double-teapot', 'Emaye Çaydanlık',
     '<p>Altta su, üstte dem. Çelik üzerine emaye; gaz, indüksiyon ve kuzine için.</p>'),
    ('filter-stand', 'Demleme Standı',
     '<p>Ceviz ayak üzerinde taş seramik koni. İki fincanı acele etmeden demler.</p>'),
    ('coffee-canister', 'Kalaylı Kahve Kutusu',
     '<p>Keçe üzerine kapanan kapağıyla bakır kutu. Çeyrek kiloyu taze tutar.</p>'),
    ('linden-tea', 'Ihlamur Çayı',
     '<p>Haziranda köyün üstünde toplanan, gölgede kurutulan bütün çiçekler.</p>'),
    ('clay-casserole', 'Toprak Güveç',
     '<p>Irmağın kırmızı kili, yalnız içi sırlı. İçinde pişen karıştırılmak istemez.</p>'),
    ('olive-jar', 'Zeytin Küpü',
     '<p>Üç kilo zeytini salamurasıyla alır; kapağı ahşap.</p>'),
    ('glazed-bowl', 'Sırlı Kase',
     '<p>Çarkta çekilip bir kez sıra batırılır; sır ayağa doğru kalınlaşır.</p>'),
    ('yogurt-crock', 'Yoğurt Kabı',
     '<p>Dışı sırsızdır: nefes alır, yoğurt taş gibi tutar.</p>'),
    ('stoneware-pitcher', 'Taş Seramik Sürahi',
     '<p>Bir buçuk litre; ağzı damlatmaz.</p>'),
    ('salt-cellar', 'Tuzluk',
     '<p>İçine el sığan kapaklı tuzluk, kobalt sırlı.</p>'),
    ('garlic-keeper', 'Sarımsaklık',
     '<p>Dört delik ve bir kapak: bir kışlık sarımsağa kuru hava.</p>'),
    ('copper-saute-pan', 'Bakır Sote Tavası',
     '<p>Kalayın altında iki milimetre bakır, döküm pirinç sap.</p>'),
    ('iron-skillet', 'Döküm Tava',
     '<p>Zımparalanır, yağlanır ve atölyeden çıkmadan üç kez fırınlanır.</p>'),
    ('walnut-spoon-set', 'Ceviz Kaşık Takımı',
     '<p>Mobilyalarımızın artan parçalarından oyulmuş bir kepçe, bir spatula, iki kaşık.</p>'),
    ('chopping-board', 'Zeytin Ağacı Kesme Tahtası',
     '<p>Artık meyve vermeyen ağaçlardan, tek parça. Yılda iki kez yağlayın.</p>'),
    ('mortar', 'Mermer Havan',
     '<p>Tek blok Marmara mermerinden; tokmağı da aynı taştan.</p>'),
    ('rolling-pin', 'Oklava',
     '<p>Seksen santim kayın; kağıt gibi yufkaya yetecek incelikte.</p>'),
    ('meze-plates', 'Meze Tabakları',
     '<p>Sekiz küçük tat için sekiz küçük tabak. Makinede yıkanır.</p>'),
    ('serving-tray', 'Dövme Bakır Tepsi',
     '<p>Kenarı kıvrık yuvarlak tepsi; çınlayana dek elde perdahlanır.</p>'),
    ('linen-napkins', 'Keten Peçete',
     '<p>Dikiş yerine saçak bırakılmış dört peçete.</p>'),
    ('cutlery-set', 'Dövme Çatal Bıçak',
     '<p>Altı kişilik yirmi dört parça; her biri tek parça dövme.</p>'),
    ('water-carafe', 'Geri Dönüşüm Cam Sürahi',
     '<p>Şişelerden üflenir. İçindeki kabarcıklar yapıldığı günün havası.</p>'),
    ('breakfast-set', 'Köy Kahvaltısı Takımı',
     '<p>Kayın tahta üzerinde yedi sırlı kap; uzun bir pazar için.</p>'),
    ('mosaic-lamp', 'Mozaik Lamba',
     '<p>Kesme cam, alçıya elle dizilir; desen ışık yanınca ortaya çıkar.</p>'),
    ('paper-lantern', 'Kağıt Fener',
     '<p>Bambu çıta üzerinde dut kağıdı. Katlanınca yassılır.</p>'),
    ('brass-candlestick', 'Pirinç Şamdan',
     '<p>Kum dökümdür ve parlatılmaz: sizinle birlikte yaşlanır.</p>'),
    ('desk-lamp', 'Ceviz Masa Lambası',
     '<p>Mafsallı kol, keten başlık, tık diyen bir anahtar.</p>'),
    ('ceiling-pendant', 'Pirinç Sarkıt',
     '<p>Tornada tek parça sıvanır; iki metre kumaş kablosuyla.</p>'),
    ('beeswax-candles', 'Balmumu Mum',
     '<p>Kovan kokan, beş saat yanan altı daldırma mum.</p>'),
    ('peshtemal', 'Pamuklu Peştemal',
     '<p>Buldan''da mekikli tezgahta dokunur. Bir saatte kurur, yıllarca yumuşar.</p>'),
    ('olive-soap', 'Zeytinyağlı Sabun',
     '<p>Üç gün kaynar, elle kesilir, altı ay dinlenir.</p>'),
    ('hammam-bowl', 'Hamam Tası',
     '<p>Kenarı kazımalı, kalaylı bakır; ortasındaki göbeği başparmak bulur.</p>'),
    ('bath-mitt', 'Ham İpek Kese',
     '<p>Ham ipekten dokunur; rafa değil, tene.</p>'),
    ('waffle-robe', 'Waffle Bornoz',
     '<p>Hafif ve emici; cepleri derin, kuşağı çözülmez.</p>'),
    ('wool-blanket', 'Yün Battaniye',
     '<p>Yayla koyununun boyasız yünü: gördüğünüz, sürünün rengidir.</p>'),
    ('linen-duvet-cover', 'Keten Nevresim',
     '<p>Dikilmeden üç kez yıkanır; sonraki her yıkamada biraz daha yumuşar.</p>'),
    ('wool-pillow', 'Yün Yastık',
     '<p>Fermuarlı pamuk kılıfta taranmış yün: size uyana dek içinden alın.</p>'),
    ('bedside-carafe', 'Komodin Sürahisi',
     '<p>Bardağı aynı zamanda kapağıdır.</p>'),
    ('linen-tablecloth', 'Keten Masa Örtüsü',
     '<p>Taş yıkanmış keten, gönye köşeli. Ütülenmek istemez.</p>'),
    ('block-print-runner', 'Kalıp Baskı Runner',
     '<p>Oyma ıhlamur kalıplarla, renk renk basılır.</p>'),
    ('kitchen-apron', 'Kanvas Önlük',
     '<p>Kalın kanvas; arkadan çapraz, havlu için ilmekli.</p>'),
    ('walnut-stool', 'Ceviz Tabure',
     '<p>Üç ayak, sıfır vida. Her zeminde durur.</p>'),
    ('reading-chair', 'Okuma Koltuğu',
     '<p>Alçak oturum, yüksek sırt, fincan genişliğinde kolçak.</p>'),
    ('rush-bench', 'Hasır Bank',
     '<p>Kayın iskelet, burulmuş hasır oturum; ıslak örülür ki gerilsin.</p>'),
    ('wall-shelf', 'Meşe Duvar Rafı',
     '<p>İki gizli pime asılır; yalnız vazo değil, kitap da taşır.</p>'),
    ('kilim-cushion', 'Kilim Yastık',
     '<p>Eski kilimlerden kesilir; her biri tektir.</p>'),
    ('anatolian-kilim', 'Anadolu Kilimi',
     '<p>Kökboya, ceviz ve çivitle boyanmış yünden, ilikli dokuma.</p>'),
    ('felt-rug', 'Keçe Yaygı',
     '<p>Yün, sabun, sıcak su ve bir öğleden sonra boyu yuvarlamak.</p>'),
    ('tulip-vase', 'Lale Vazo',
     '<p>Tek sap için dar boyun; bir laleye daha ne gerek.</p>'),
    ('willow-basket', 'Söğüt Sepet',
     '<p>Geçen kışın söğüdünden örülür. Kuruyana dek gıcırdar.</p>'),
    ('tile-panel', 'El Boyaması Çini',
     '<p>On altıncı yüzyıl desenlerinden, sıraltı çizimli kuvars çini.</p>'),
    ('terracotta-planter', 'Terakota Saksı',
     '<p>Dona dayanacak kadar pişmiş, köke yetecek kadar gözenekli.</p>'),
    ('watering-can', 'Bakır Sulama Kabı',
     '<p>Arka sıraya yetişen uzun ağız; ağırlığı ne kadar dolu olduğunu söyler.</p>'),
    ('garden-twine', 'Kenevir İp',
     '<p>Bırakıldığı yerde çürüyen yüz metre.</p>'),
    ('anatolian-kitchen', 'Anadolu Mutfağı',
     '<p>Kırk mutfaktan doksan tarif; anlatıldığı gibi yazıya geçirildi.</p>'),
    ('notes-from-the-coast', 'Kıyıdan Notlar',
     '<p>Dört yüz kilometrelik bir yürüyüş, kilometre başına bir sayfa.</p>'),
    ('pattern-book', 'Çini Desenleri Kitabı',
     '<p>Ölçülüp yeniden çizilmiş iki yüz desen ve kendi deseniniz için bir ızgara.</p>'),
    ('stitched-notebook', 'Dikişli Defter',
     '<p>Her sayfada düz açılır, çünkü yapıştırılmaz, dikilir.</p>'),
    ('marbled-paper', 'Ebru Kağıdı',
     '<p>Beş yaprak; her biri sudan bir kez kaldırılır, bir daha asla.</p>');

CREATE TEMP TABLE demo_option (name, tr) ON COMMIT DROP AS
VALUES
    ('Colour', 'Renk'),
    ('Fabric', 'Kumaş'),
    ('Length', 'Uzunluk'),
    ('Model', 'Model'),
    ('Motif', 'Motif'),
    ('Ruling', 'Çizgi'),
    ('Scent', 'Koku'),
    ('Size', 'Boy'),
    ('Weight', 'Ağırlık');

CREATE TEMP TABLE demo_value (value, tr) ON COMMIT DROP AS
VALUES
    ('Blue', 'Mavi'),
    ('Carnation', 'Karanfil'),
    ('Clay', 'Toprak'),
    ('Cobalt', 'Kobalt'),
    ('Cream', 'Krem'),
    ('Cypress', 'Selvi'),
    ('Double', 'Çift Kişilik'),
    ('Floor', 'Ayaklı'),
    ('Green', 'Yeşil'),
    ('Grid', 'Kareli'),
    ('Indigo', 'Çivit'),
    ('Kilim', 'Kilim'),
    ('Large', 'Büyük'),
    ('Laurel', 'Defne'),
    ('Lavender', 'Lavanta'),
    ('Lined', 'Çizgili'),
    ('Madder', 'Kökboya'),
    ('Medium', 'Orta'),
    ('Natural', 'Doğal'),
    ('Olive', 'Zeytin'),
    ('Plain', 'Sade'),
    ('Red', 'Kırmızı'),
    ('Rust', 'Pas'),
    ('Sage', 'Adaçayı'),
    ('Sand', 'Kum'),
    ('Sea Green', 'Deniz Yeşili'),
    ('Single', 'Tek Kişilik'),
    ('Slate', 'Arduvaz'),
    ('Small', 'Küçük'),
    ('Table', 'Masa'),
    ('Tulip', 'Lale'),
    ('Turquoise', 'Turkuaz'),
    ('White', 'Beyaz'),
    ('Wool Grey', 'Gri Yün');

-- Ids made of the handles, so that a second run meets the same rows.
CREATE FUNCTION pg_temp.id(text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('demo:' || $1)::uuid $$;

CREATE FUNCTION pg_temp.slug(text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT trim(BOTH '-' FROM regexp_replace(
        translate(lower(translate($1, 'ÇĞİIÖŞÜ', 'cgiiosu')),
                  'çğıöşü', 'cgiosu'), '[^a-z0-9]+', '-', 'g'))
$$;


-- Categories, in the order of the table above. A path is made when the parent
-- is there, or by the statement's trigger.
INSERT INTO categories (id, parent_id, path, handle, position)
SELECT pg_temp.id(handle || ':'), pg_temp.id(parent || ':'), '{}', handle,
       'V' || lpad((row_number() OVER ())::text, 3, '0')
  FROM demo_category
ON CONFLICT DO NOTHING;

INSERT INTO category_i18n (category_id, locale, name)
SELECT c.id, l.locale, CASE l.locale WHEN 'en' THEN d.en ELSE d.tr END
  FROM demo_category d
  JOIN categories c USING (handle)
 CROSS JOIN (VALUES ('en'), ('tr')) l (locale)
ON CONFLICT DO NOTHING;

INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'category', c.id, l.locale, ch.id,
       pg_temp.slug(CASE l.locale WHEN 'en' THEN d.en ELSE d.tr END)
  FROM demo_category d
  JOIN categories c USING (handle)
  JOIN channels ch ON ch.is_default
 CROSS JOIN (VALUES ('en'), ('tr')) l (locale)
ON CONFLICT DO NOTHING;

-- A product is in the category that its type names.
INSERT INTO product_categories (product_id, category_id, position)
SELECT p.id, c.id, p.position
  FROM demo_product
  JOIN products p USING (handle)
  JOIN demo_category d ON d.en = p.type
  JOIN categories c ON c.handle = d.handle
ON CONFLICT DO NOTHING;


-- Turkish.
INSERT INTO product_i18n (product_id, locale, title, description)
SELECT p.id, 'tr', d.title, d.description
  FROM demo_product d
  JOIN products p USING (handle)
ON CONFLICT DO NOTHING;

INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'tr', ch.id, pg_temp.slug(d.title)
  FROM demo_product d
  JOIN products p USING (handle)
  JOIN channels ch ON ch.is_default
ON CONFLICT DO NOTHING;

INSERT INTO product_option_i18n (option_id, locale, name)
SELECT o.id, 'tr', t.tr
  FROM demo_product d
  JOIN products p USING (handle)
  JOIN product_options o ON o.product_id = p.id
  JOIN demo_option t ON t.name = o.name
ON CONFLICT DO NOTHING;

INSERT INTO option_value_i18n (value_id, locale, value)
SELECT v.id, 'tr', t.tr
  FROM demo_product d
  JOIN products p USING (handle)
  JOIN option_values v ON v.product_id = p.id
  JOIN demo_value t ON t.value = v.value
ON CONFLICT DO NOTHING;


-- Euro and dollar: the lira's price, a little under a round one.
INSERT INTO prices (variant_id, currency, amount, compare_at)
SELECT v.id, c.currency, x.amount, y.amount
  FROM demo_product d
  JOIN products p USING (handle)
  JOIN variants v ON v.product_id = p.id
  JOIN prices lira ON lira.variant_id = v.id AND lira.currency = 'TRY'
       AND lira.valid @> shop_now()
 CROSS JOIN (VALUES ('EUR', 21), ('USD', 24)) c (currency, rate)
 CROSS JOIN LATERAL (SELECT lira.amount * c.rate / 100000 * 100 + 90)
       x (amount)
 CROSS JOIN LATERAL (SELECT lira.compare_at * c.rate / 100000 * 100 + 90)
       y (amount)
ON CONFLICT DO NOTHING;


-- The newest comes last in the file.
UPDATE products p
   SET published_at = timestamptz '2026-09-01' + n.n * interval '1 day'
  FROM (SELECT id, row_number() OVER (ORDER BY position, id) AS n
          FROM demo_product
          JOIN products USING (handle)) n
 WHERE p.id = n.id
   AND p.published_at <> timestamptz '2026-09-01' + n.n * interval '1 day';

COMMIT;
