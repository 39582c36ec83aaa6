-- demo.sql - products for shopctl demo: as many as are asked for, the same
-- each time, all made by INSERT .. SELECT out of a number and lists of words.
--
-- Everything about product n follows from n: its id, and 16 bytes of dice, h.

-- sql_demo_session
SET shop.listing = 'manual';

-- Ids sort by n and so keep indexes dense, as ids of real shops do; they are
-- version 7 with n in place of the time.
CREATE FUNCTION pg_temp.demo_id(n bigint, what text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(1735689600000 + n * 5000), 12, '0') || '7'
            || substr(d, 1, 3) || '8' || substr(d, 4, 15))::uuid
      FROM md5('demo:' || n || ':' || what) d
$$;

CREATE FUNCTION pg_temp.demo_slug(text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT trim(BOTH '-' FROM regexp_replace(
        lower(translate($1, 'ÇĞİIÖŞÜçğıöşüâ', 'cgiiosucgiosua')),
        '[^a-z0-9]+', '-', 'g'))
$$;

CREATE FUNCTION pg_temp.pick(words text[], die integer) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT words[1 + die % cardinality(words)]
$$;

CREATE TEMP TABLE demo_department (d, en, tr, materials_en, materials_tr) AS
VALUES
  (1, 'Kitchen & Table', 'Mutfak ve Sofra',
   '{Copper,Walnut,Stoneware,Olive Wood,Cast Iron,Glass}'::text[],
   '{Bakır,Ceviz,Seramik,Zeytin Ağacı,Döküm,Cam}'::text[]),
  (2, 'Living', 'Yaşam',
   '{Oak,Rattan,Brass,Marble,Walnut,Felt}',
   '{Meşe,Hasır,Pirinç,Mermer,Ceviz,Keçe}'),
  (3, 'Textiles', 'Tekstil',
   '{Linen,Cotton,Wool,Mohair,Bamboo,Silk}',
   '{Keten,Pamuk,Yün,Tiftik,Bambu,İpek}'),
  (4, 'Clothing', 'Giyim',
   '{Linen,Merino,Organic Cotton,Denim,Cashmere,Flannel}',
   '{Keten,Merinos,Organik Pamuk,Denim,Kaşmir,Flanel}'),
  (5, 'Bags & Leather', 'Çanta ve Deri',
   '{Full-Grain,Suede,Canvas,Vegetable-Tanned,Waxed,Woven}',
   '{Tam Damarlı,Süet,Kanvas,Bitkisel Tabaklı,Mumlu,Örgü}'),
  (6, 'Bath & Care', 'Banyo ve Bakım',
   '{Olive Oil,Lavender,Rose,Laurel,Cedar,Bergamot}',
   '{Zeytinyağlı,Lavantalı,Güllü,Defneli,Sedirli,Bergamotlu}'),
  (7, 'Stationery', 'Kırtasiye',
   '{Cotton Paper,Kraft,Marbled,Recycled,Linen-Bound,Cork}',
   '{Pamuk Kâğıt,Kraft,Ebrulu,Geri Dönüşümlü,Keten Ciltli,Mantar}'),
  (8, 'Garden & Outdoor', 'Bahçe ve Açık Hava',
   '{Terracotta,Galvanised,Teak,Jute,Enamel,Iron}',
   '{Terakota,Galvaniz,Tik,Jüt,Emaye,Demir}');

-- Prices are in lira, lowest and highest; `first` and `second` are options.
CREATE TEMP TABLE demo_category
    (c, d, en, tr, nouns_en, nouns_tr, first, second, low, high, motif) AS
VALUES
  (1, 1, 'Coffee & Tea', 'Kahve ve Çay',
   '{Coffee Pot,Cup Set,Tea Glass Set,Hand Mill}'::text[],
   '{Cezve,Fincan Takımı,Çay Bardağı Takımı,El Değirmeni}'::text[],
   'size', 'colour', 190, 1900, 'pot'),
  (2, 1, 'Bowls & Plates', 'Kâse ve Tabaklar',
   '{Serving Bowl,Dinner Plate,Soup Bowl,Platter}',
   '{Servis Kâsesi,Yemek Tabağı,Çorba Kâsesi,Servis Tabağı}',
   'colour', 'size', 120, 900, 'cup'),
  (3, 1, 'Cookware', 'Pişirme',
   '{Casserole,Frying Pan,Saucepan,Baking Dish}',
   '{Güveç,Tava,Tencere,Fırın Kabı}',
   'volume', 'colour', 450, 4200, 'pot'),
  (4, 1, 'Boards & Knives', 'Tahta ve Bıçaklar',
   '{Cutting Board,Bread Board,Cheese Knife,Chef''s Knife}',
   '{Kesme Tahtası,Ekmek Tahtası,Peynir Bıçağı,Şef Bıçağı}',
   'size', 'colour', 250, 2400, 'cup'),
  (5, 1, 'Storage Jars', 'Saklama Kapları',
   '{Olive Jar,Spice Jar,Bread Box,Oil Bottle}',
   '{Zeytin Küpü,Baharat Kavanozu,Ekmek Kutusu,Yağ Şişesi}',
   'volume', 'colour', 90, 800, 'pot'),
  (6, 2, 'Lamps', 'Lambalar',
   '{Table Lamp,Floor Lamp,Pendant,Wall Light}',
   '{Masa Lambası,Lambader,Sarkıt,Aplik}',
   'colour', 'size', 600, 7500, 'lamp'),
  (7, 2, 'Mirrors & Frames', 'Ayna ve Çerçeveler',
   '{Wall Mirror,Hand Mirror,Picture Frame,Shadow Box}',
   '{Duvar Aynası,El Aynası,Çerçeve,Derin Çerçeve}',
   'size', 'colour', 180, 3600, 'lamp'),
  (8, 2, 'Candles & Scent', 'Mum ve Koku',
   '{Candlestick,Scented Candle,Tealight Holder,Incense Burner}',
   '{Şamdan,Kokulu Mum,Mumluk,Tütsülük}',
   'colour', 'size', 90, 950, 'lamp'),
  (9, 2, 'Small Furniture', 'Küçük Mobilya',
   '{Stool,Side Table,Bookshelf,Bench}',
   '{Tabure,Sehpa,Kitaplık,Bank}',
   'colour', 'size', 1500, 18000, 'lamp'),
  (10, 2, 'Baskets & Boxes', 'Sepet ve Kutular',
   '{Laundry Basket,Tray,Keepsake Box,Magazine Rack}',
   '{Çamaşır Sepeti,Tepsi,Hatıra Kutusu,Dergilik}',
   'size', 'colour', 150, 1600, 'cup'),
  (11, 3, 'Blankets', 'Battaniyeler',
   '{Throw,Blanket,Bedspread,Quilt}',
   '{Şal Battaniye,Battaniye,Yatak Örtüsü,Yorgan}',
   'colour', 'length', 500, 5200, 'cloth'),
  (12, 3, 'Cushions', 'Yastıklar',
   '{Cushion,Floor Cushion,Bolster,Cushion Cover}',
   '{Yastık,Yer Minderi,Silindir Yastık,Yastık Kılıfı}',
   'colour', 'size', 150, 1400, 'cloth'),
  (13, 3, 'Table Linen', 'Sofra Tekstili',
   '{Tablecloth,Runner,Napkin Set,Placemat Set}',
   '{Masa Örtüsü,Runner,Peçete Takımı,Amerikan Servis}',
   'length', 'colour', 180, 2200, 'cloth'),
  (14, 3, 'Rugs', 'Kilim ve Halılar',
   '{Kilim,Rug,Door Mat,Hallway Runner}',
   '{Kilim,Halı,Paspas,Yolluk}',
   'length', 'colour', 900, 24000, 'cloth'),
  (15, 3, 'Towels', 'Havlular',
   '{Peshtemal,Bath Towel,Hand Towel,Bathrobe}',
   '{Peştemal,Banyo Havlusu,El Havlusu,Bornoz}',
   'colour', 'size', 120, 1800, 'cloth'),
  (16, 4, 'Shirts', 'Gömlekler',
   '{Shirt,Overshirt,Blouse,Tunic}', '{Gömlek,Ceket Gömlek,Bluz,Tunik}',
   'fit', 'colour', 400, 2600, 'cloth'),
  (17, 4, 'Knitwear', 'Trikolar',
   '{Cardigan,Jumper,Vest,Turtleneck}', '{Hırka,Kazak,Yelek,Balıkçı Yaka}',
   'fit', 'colour', 600, 4800, 'cloth'),
  (18, 4, 'Trousers', 'Pantolonlar',
   '{Trousers,Chinos,Shorts,Culottes}', '{Pantolon,Chino,Şort,Pantolon Etek}',
   'fit', 'colour', 500, 3200, 'cloth'),
  (19, 4, 'Scarves & Hats', 'Atkı ve Şapkalar',
   '{Scarf,Shawl,Beanie,Sun Hat}', '{Atkı,Şal,Bere,Güneş Şapkası}',
   'colour', 'fit', 150, 2100, 'cloth'),
  (20, 4, 'Socks & Slippers', 'Çorap ve Terlikler',
   '{Sock Set,Slippers,House Shoes,Knee Socks}',
   '{Çorap Takımı,Terlik,Ev Ayakkabısı,Diz Altı Çorap}',
   'fit', 'colour', 60, 1200, 'cloth'),
  (21, 5, 'Bags', 'Çantalar',
   '{Tote,Satchel,Weekender,Bucket Bag}',
   '{Omuz Çantası,Postacı Çantası,Seyahat Çantası,Kova Çanta}',
   'colour', 'size', 700, 9800, 'cloth'),
  (22, 5, 'Backpacks', 'Sırt Çantaları',
   '{Backpack,Rolltop,Daypack,Rucksack}',
   '{Sırt Çantası,Rulo Çanta,Günlük Çanta,Dağcı Çantası}',
   'volume', 'colour', 900, 7600, 'cloth'),
  (23, 5, 'Wallets', 'Cüzdanlar',
   '{Wallet,Card Holder,Coin Purse,Passport Cover}',
   '{Cüzdan,Kartlık,Bozuk Para Cüzdanı,Pasaport Kılıfı}',
   'colour', 'size', 200, 1900, 'cloth'),
  (24, 5, 'Belts', 'Kemerler',
   '{Belt,Braided Belt,Watch Strap,Key Fob}',
   '{Kemer,Örgü Kemer,Saat Kayışı,Anahtarlık}',
   'length', 'colour', 120, 1500, 'cloth'),
  (25, 5, 'Cases', 'Kılıflar',
   '{Laptop Sleeve,Glasses Case,Pencil Case,Wash Bag}',
   '{Laptop Kılıfı,Gözlük Kılıfı,Kalem Kutusu,Bakım Çantası}',
   'size', 'colour', 180, 2300, 'cloth'),
  (26, 6, 'Soap', 'Sabunlar',
   '{Soap Bar,Liquid Soap,Soap Dish,Shaving Soap}',
   '{Kalıp Sabun,Sıvı Sabun,Sabunluk,Tıraş Sabunu}',
   'volume', 'size', 30, 320, 'cup'),
  (27, 6, 'Oils', 'Yağlar',
   '{Body Oil,Massage Oil,Hair Oil,Bath Oil}',
   '{Vücut Yağı,Masaj Yağı,Saç Yağı,Banyo Yağı}',
   'volume', 'size', 90, 780, 'pot'),
  (28, 6, 'Hammam', 'Hamam',
   '{Hammam Bowl,Exfoliating Mitt,Clogs,Hammam Set}',
   '{Hamam Tası,Kese,Takunya,Hamam Takımı}',
   'size', 'colour', 80, 1900, 'pot'),
  (29, 6, 'Creams', 'Kremler',
   '{Hand Cream,Face Cream,Lip Balm,Body Butter}',
   '{El Kremi,Yüz Kremi,Dudak Balmı,Vücut Kremi}',
   'volume', 'size', 60, 640, 'cup'),
  (30, 6, 'Brushes', 'Fırçalar',
   '{Bath Brush,Hairbrush,Nail Brush,Shaving Brush}',
   '{Banyo Fırçası,Saç Fırçası,Tırnak Fırçası,Tıraş Fırçası}',
   'size', 'colour', 70, 690, 'cup'),
  (31, 7, 'Notebooks', 'Defterler',
   '{Notebook,Sketchbook,Diary,Journal}',
   '{Defter,Eskiz Defteri,Ajanda,Günlük}',
   'size', 'colour', 60, 620, 'book'),
  (32, 7, 'Pens', 'Kalemler',
   '{Fountain Pen,Ballpoint,Pencil Set,Brush Pen}',
   '{Dolma Kalem,Tükenmez Kalem,Kurşun Kalem Takımı,Fırça Kalem}',
   'colour', 'size', 40, 3800, 'book'),
  (33, 7, 'Cards', 'Kartlar',
   '{Greeting Card Set,Postcard Set,Gift Tag Set,Letter Set}',
   '{Tebrik Kartı Takımı,Kartpostal Takımı,Hediye Etiketi,Mektup Takımı}',
   'colour', 'size', 30, 290, 'book'),
  (34, 7, 'Desk', 'Masa Üstü',
   '{Pen Tray,Desk Pad,Bookends,Letter Opener}',
   '{Kalemlik,Masa Altlığı,Kitap Desteği,Mektup Açacağı}',
   'colour', 'size', 90, 1400, 'book'),
  (35, 7, 'Calendars', 'Takvimler',
   '{Wall Calendar,Desk Calendar,Planner,Poster}',
   '{Duvar Takvimi,Masa Takvimi,Planlayıcı,Poster}',
   'size', 'colour', 50, 480, 'book'),
  (36, 8, 'Pots & Planters', 'Saksılar',
   '{Flower Pot,Planter,Hanging Pot,Herb Box}',
   '{Saksı,Çiçeklik,Askılı Saksı,Ot Kutusu}',
   'volume', 'colour', 70, 1900, 'pot'),
  (37, 8, 'Tools', 'Bahçe Aletleri',
   '{Trowel,Pruning Shears,Watering Can,Hand Rake}',
   '{Kürek,Budama Makası,Sulama Kabı,El Tırmığı}',
   'size', 'colour', 90, 1300, 'pot'),
  (38, 8, 'Outdoor Dining', 'Açık Hava Sofrası',
   '{Picnic Basket,Lantern,Serving Tray,Enamel Mug}',
   '{Piknik Sepeti,Fener,Servis Tepsisi,Emaye Kupa}',
   'size', 'colour', 80, 2600, 'lamp'),
  (39, 8, 'Seating', 'Oturma',
   '{Deck Chair,Hammock,Garden Stool,Swing}',
   '{Şezlong,Hamak,Bahçe Taburesi,Salıncak}',
   'colour', 'size', 600, 9900, 'cloth'),
  (40, 8, 'Bird & Bee', 'Kuş ve Arı',
   '{Bird House,Bird Bath,Bee Hotel,Feeder}',
   '{Kuş Yuvası,Kuş Banyosu,Arı Oteli,Yemlik}',
   'size', 'colour', 120, 1700, 'lamp');

CREATE TEMP TABLE demo_option (kind, en, tr, values_en, values_tr) AS
VALUES
  ('size', 'Size', 'Boy',
   '{Small,Medium,Large}'::text[], '{Küçük,Orta,Büyük}'::text[]),
  ('colour', 'Colour', 'Renk',
   '{Indigo,Sand,Olive}', '{İndigo,Kum,Zeytin}'),
  ('volume', 'Volume', 'Hacim', '{0.5 l,1 l,2 l}',
   '{"0,5 l",1 l,2 l}'),
  ('length', 'Length', 'Uzunluk',
   '{80 cm,150 cm,220 cm}', '{80 cm,150 cm,220 cm}'),
  ('fit', 'Size', 'Beden', '{S,M,L}', '{S,M,L}');

CREATE TEMP TABLE demo_word AS
SELECT ARRAY['Assos', 'Perge', 'Ayvalık', 'Mardin', 'Avanos', 'Beypazarı',
             'Bodrum', 'Datça', 'Efes', 'Foça', 'Göreme', 'Harran', 'İznik',
             'Kaş', 'Likya', 'Midyat', 'Nemrut', 'Olympos', 'Patara', 'Rize',
             'Safranbolu', 'Side', 'Şirince', 'Truva', 'Urla', 'Van', 'Zeugma',
             'Ahlat', 'Bergama', 'Cunda', 'Knidos', 'Myra', 'Pamukkale',
             'Sardes', 'Tirilye', 'Uzungöl', 'Alaçatı', 'Didim'] AS series,
       ARRAY['Usta Eli', 'Çınar Evi', 'Avanos Atölyesi', 'Işık Sokağı',
             'Dokuma', 'Kıyı', 'Zeytin & Taş', 'Anadolu Keten',
             'Nar Studio', 'Kervan', 'Yedi Tepe', 'Halikarnas',
             'Sakız Works', 'Mavi Kapı', 'Toprak Ana', 'Lodos', 'Poyraz',
             'Eski Han', 'Kuzguncuk', 'Egeli', 'Dut Ağacı',
             'Ada Marangoz', 'İpek Yolu', 'Karaköy Supply', 'Leylek', 'Meşe',
             'Nazar', 'Ortanca', 'Pamukova', 'Semaver'] AS vendors,
       ARRAY['handmade', 'gift', 'new', 'organic', 'bestseller', 'limited',
             'natural', 'minimal', 'classic', 'summer', 'winter',
             'travel'] AS tags;

CREATE TEMP TABLE demo_chunk (
    n           bigint,
    id          uuid,
    h           bytea,
    category_id uuid,
    en          text,
    tr          text,
    vendor      text,
    tags        text[],
    type        text,
    motif       text,
    first       text,
    second      text,
    variants    integer,
    lira        bigint
) ON COMMIT DELETE ROWS

-- sql_demo_categories
-- Departments have negative numbers, below every product's.
INSERT INTO categories (id, path, handle, position)
SELECT pg_temp.demo_id(-d, 'department'), '{}',
       'demo-' || pg_temp.demo_slug(en), 'V00' || d
  FROM demo_department
ON CONFLICT DO NOTHING;

INSERT INTO categories (id, parent_id, path, handle, position)
SELECT pg_temp.demo_id(-c, 'category'), pg_temp.demo_id(-d, 'department'),
       '{}', 'demo-' || pg_temp.demo_slug(en), 'V0' || lpad(c::text, 2, '0')
  FROM demo_category
ON CONFLICT DO NOTHING;

CREATE TEMP TABLE demo_category_text AS
SELECT x.id, t.locale, t.name
  FROM (SELECT pg_temp.demo_id(-d, 'department'), en, tr FROM demo_department
         UNION ALL
        SELECT pg_temp.demo_id(-c, 'category'), en, tr FROM demo_category)
       x(id, en, tr)
 CROSS JOIN LATERAL (VALUES ('en', en), ('tr', tr)) t(locale, name)
  JOIN locales l ON l.code = t.locale;

INSERT INTO category_i18n (category_id, locale, name)
SELECT id, locale, name FROM demo_category_text
ON CONFLICT DO NOTHING;

INSERT INTO slugs (kind, owner_id, locale, slug)
SELECT 'category', id, locale, 'demo-' || pg_temp.demo_slug(name)
  FROM demo_category_text
ON CONFLICT DO NOTHING

-- sql_demo_chunk
-- Without the products that are there already. A transaction's first and last
-- number are settings, as statements that are sent together have no parameters.
INSERT INTO demo_chunk
SELECT n, id, h, pg_temp.demo_id(-c.c, 'category'),
       concat_ws(' ', place, pg_temp.pick(d.materials_en, get_byte(h, 2)),
                 pg_temp.pick(c.nouns_en, get_byte(h, 3))),
       concat_ws(' ', place, pg_temp.pick(d.materials_tr, get_byte(h, 2)),
                 pg_temp.pick(c.nouns_tr, get_byte(h, 3))),
       pg_temp.pick(w.vendors, get_byte(h, 4)),
       ARRAY(SELECT DISTINCT t
               FROM unnest(ARRAY[
                    pg_temp.pick(w.tags, get_byte(h, 5)),
                    pg_temp.pick(w.tags, get_byte(h, 6)),
                    pg_temp.demo_slug(pg_temp.pick(d.materials_en,
                                                   get_byte(h, 2)))]) t
              ORDER BY t),
       pg_temp.pick(c.nouns_en, get_byte(h, 3)), c.motif, c.first, c.second,
       CASE WHEN get_byte(h, 7) < 128 THEN 2
            WHEN get_byte(h, 7) < 205 THEN 3 ELSE 4 END,
       c.low + (c.high - c.low) * get_byte(h, 8) * get_byte(h, 9) / 65025
  FROM demo_word w,
       generate_series(current_setting('demo.first')::bigint,
                       current_setting('demo.last')::bigint) n
 CROSS JOIN LATERAL (SELECT pg_temp.demo_id(n, 'product'),
                            decode(md5('dice:' || n), 'hex') OFFSET 0) x(id, h)
  JOIN demo_category c ON c.c = 1 + (get_byte(h, 0) * 256 + get_byte(h, 10))
                                    % 40
  JOIN demo_department d ON d.d = c.d
 CROSS JOIN LATERAL pg_temp.pick(w.series, get_byte(h, 1)) place
 WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = x.id)

-- sql_demo_products
-- What hangs on the products of the chunk.
INSERT INTO products (id, handle, status, type, vendor, tags, position,
                      published_at)
SELECT id, 'demo-' || lpad(n::text, 7, '0'), 'active', type, vendor, tags,
       upper(substr(encode(h, 'hex'), 1, 4)),
       timestamptz '2025-01-01 00:00:00Z' + n * interval '5 seconds'
  FROM demo_chunk ORDER BY n;

INSERT INTO product_i18n (product_id, locale, title, description)
SELECT c.id, t.locale, t.title,
       '<p>' || t.title || t.by || c.vendor || '.</p><p>' || t.care || '</p>'
  FROM demo_chunk c
 CROSS JOIN LATERAL (
       VALUES ('en', c.en, ', made by ',
               'Each piece is made by hand and differs a little from the next.'
               ' Wipe with a dry cloth; keep out of the sun.'),
              ('tr', c.tr, ', üreten: ',
               'Her parça elde yapılır ve bir diğerinden biraz farklıdır.'
               ' Kuru bezle silin, güneşten koruyun.'))
       t(locale, title, by, care)
  JOIN locales l ON l.code = t.locale;

INSERT INTO slugs (kind, owner_id, locale, slug)
SELECT 'product', c.id, t.locale,
       pg_temp.demo_slug(t.title) || '-' || lpad(c.n::text, 7, '0')
  FROM demo_chunk c
 CROSS JOIN LATERAL (VALUES ('en', c.en), ('tr', c.tr)) t(locale, title)
  JOIN locales l ON l.code = t.locale;

INSERT INTO product_categories (product_id, category_id, position)
SELECT id, category_id, upper(substr(encode(h, 'hex'), 5, 4)) FROM demo_chunk;

INSERT INTO media (id, product_id, url, alt, position)
SELECT pg_temp.demo_id(c.n, 'media:' || m.i), c.id,
       '/media/' || m.motif || '.svg', c.en, m.i
  FROM demo_chunk c
 CROSS JOIN LATERAL (VALUES (1, c.motif), (2, CASE c.motif
                     WHEN 'cup' THEN 'pot' ELSE 'cup' END)) m(i, motif)
 WHERE m.i = 1 OR get_byte(c.h, 11) < 100

-- sql_demo_options
-- Two or three variants are the values of one option; four are two values of
-- each of two.
INSERT INTO product_options (id, product_id, position, name)
SELECT pg_temp.demo_id(c.n, 'option:' || i), c.id, i, o.en
  FROM demo_chunk c
 CROSS JOIN generate_series(1, 2) i
  JOIN demo_option o ON o.kind = CASE i WHEN 1 THEN c.first ELSE c.second END
 WHERE i = 1 OR c.variants = 4;

INSERT INTO product_option_i18n (option_id, locale, name)
SELECT pg_temp.demo_id(c.n, 'option:' || i), 'tr', o.tr
  FROM demo_chunk c
 CROSS JOIN generate_series(1, 2) i
  JOIN demo_option o ON o.kind = CASE i WHEN 1 THEN c.first ELSE c.second END
  JOIN locales l ON l.code = 'tr'
 WHERE i = 1 OR c.variants = 4;

INSERT INTO option_values (id, option_id, product_id, position, value)
SELECT pg_temp.demo_id(c.n, 'value:' || i || ':' || v),
       pg_temp.demo_id(c.n, 'option:' || i), c.id, v, o.values_en[v]
  FROM demo_chunk c
 CROSS JOIN generate_series(1, 2) i
 CROSS JOIN generate_series(1, 3) v
  JOIN demo_option o ON o.kind = CASE i WHEN 1 THEN c.first ELSE c.second END
 WHERE CASE WHEN c.variants = 4 THEN v <= 2
            ELSE i = 1 AND v <= c.variants END;

INSERT INTO option_value_i18n (value_id, locale, value)
SELECT pg_temp.demo_id(c.n, 'value:' || i || ':' || v), 'tr', o.values_tr[v]
  FROM demo_chunk c
 CROSS JOIN generate_series(1, 2) i
 CROSS JOIN generate_series(1, 3) v
  JOIN demo_option o ON o.kind = CASE i WHEN 1 THEN c.first ELSE c.second END
  JOIN locales l ON l.code = 'tr'
 WHERE CASE WHEN c.variants = 4 THEN v <= 2
            ELSE i = 1 AND v <= c.variants END;

INSERT INTO variants (id, product_id, sku, position, option_value_ids,
                      weight_grams, in_stock)
SELECT pg_temp.demo_id(c.n, 'variant:' || v), c.id,
       'DEMO-' || lpad(c.n::text, 7, '0') || '-' || v, v,
       CASE WHEN c.variants = 4
            THEN ARRAY[pg_temp.demo_id(c.n, 'value:1:' || (v + 1) / 2),
                       pg_temp.demo_id(c.n, 'value:2:' || 2 - v % 2)]
            ELSE ARRAY[pg_temp.demo_id(c.n, 'value:1:' || v)] END,
       50 + get_byte(c.h, 12) * 10 + v * 40,
       get_byte(c.h, 3) >= 16 AND get_byte(c.h, 11 + v) >= 24
  FROM demo_chunk c
 CROSS JOIN LATERAL generate_series(1, c.variants) v

-- sql_demo_prices
-- A further variant costs an eighth more; one product in six is reduced. Lira
-- end in 90 kurush, other amounts in 9.
INSERT INTO prices (id, variant_id, currency, amount, compare_at)
SELECT pg_temp.demo_id(c.n, 'price:' || v || ':' || m.currency),
       pg_temp.demo_id(c.n, 'variant:' || v), m.currency, p.amount,
       CASE WHEN get_byte(c.h, 9) % 6 = 0
            THEN p.amount * 5 / 4 / 100 * 100 + 90 END
  FROM demo_chunk c
 CROSS JOIN LATERAL generate_series(1, c.variants) v
 CROSS JOIN LATERAL (SELECT (c.lira + c.lira * (v - 1) / 8) * 100 + 90)
       l(lira)
 CROSS JOIN LATERAL (
       VALUES ('TRY', l.lira), ('EUR', l.lira * 21 / 10000 * 10 + 9),
              ('USD', l.lira * 24 / 10000 * 10 + 9)) m(currency, amount)
  JOIN currencies k ON k.code = m.currency
 CROSS JOIN LATERAL (SELECT m.amount OFFSET 0) p(amount)

-- sql_demo_lists
-- The triggers that keep the lists were told not to; their work is done here
-- at once.
SELECT listing_refresh(ids), product_prices_refresh(ids)
  FROM (SELECT array_agg(id) FROM demo_chunk) x(ids)
 WHERE ids IS NOT NULL

-- sql_demo_end
-- A role that does not own the tables leaves this to autovacuum.
SET client_min_messages = error;
ANALYZE products, product_i18n, product_options, product_option_i18n,
    option_values, option_value_i18n, media, variants, product_categories,
    slugs, prices, product_prices, listing_products, listing_titles,
    listing_prices
