"""Writes import files of every format, with invented addresses."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import shapefile  # type: ignore[import-untyped]


class Address(NamedTuple):
    """One invented address with its position in degrees."""

    number: str
    street: str
    city: str = "Bellevue"
    postal_code: str = "98005"
    latitude: float = 47.6
    longitude: float = -122.16


class Range(NamedTuple):
    """Numbers along both sides of a street; a path of (latitude, longitude) in degrees."""

    street: str
    left: tuple[str, str]
    right: tuple[str, str]
    path: Sequence[tuple[float, float]]
    left_zip: str = "98005"
    right_zip: str = "98005"


class Zip(NamedTuple):
    """One ZIP code with its city and position in degrees."""

    code: str
    city: str
    state: str
    latitude: float
    longitude: float


HEADER = "LON,LAT,NUMBER,STREET,UNIT,CITY,DISTRICT,REGION,POSTCODE,ID,HASH"


def write_csv(path: Path, addresses: Sequence[Address]) -> Path:
    """Write an OpenAddresses CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER.split(","))
    for one in addresses:
        place = (repr(one.longitude), repr(one.latitude))
        rest = ("", one.city, "", "WA", one.postal_code, "", "")
        writer.writerow([*place, one.number, one.street, *rest])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def feature(one: Address) -> str:
    """Return an address as OpenAddresses writes a GeoJSON feature."""
    properties = {
        "hash": "",
        "number": one.number,
        "street": one.street,
        "unit": "",
        "city": one.city,
        "district": "",
        "region": "",
        "postcode": one.postal_code,
        "id": "",
        "accuracy": "",
    }
    point = {"type": "Point", "coordinates": [one.longitude, one.latitude]}
    return json.dumps({"type": "Feature", "properties": properties, "geometry": point})


def write_geojson(path: Path, addresses: Sequence[Address]) -> Path:
    """Write an OpenAddresses GeoJSON file, packed when its name ends in .gz."""
    data = "".join(feature(one) + "\n" for one in addresses).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_tiger(path: Path, ranges: Sequence[Range], *, without: str = "") -> Path:
    """Write a zipped ADDRFEAT shapefile, one field left out on wish."""
    parts = {ending: io.BytesIO() for ending in ("shp", "shx", "dbf")}
    names = ["FULLNAME", "LFROMHN", "LTOHN", "RFROMHN", "RTOHN", "ZIPL", "ZIPR"]
    with shapefile.Writer(**parts, shapeType=shapefile.POLYLINE, encoding="utf-8") as writer:
        for name in names:
            if name != without:
                writer.field(name, "C", 100 if name == "FULLNAME" else 12)
        for one in ranges:
            writer.line([[(longitude, latitude) for latitude, longitude in one.path]])
            values = (one.street, *one.left, *one.right, one.left_zip, one.right_zip)
            record = dict(zip(names, values, strict=True))
            record.pop(without, None)
            writer.record(**record)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for ending, part in parts.items():
            archive.writestr(f"{path.stem}.{ending}", part.getvalue())
    return path


def write_gazetteer(path: Path, zips: Sequence[Zip], *, year: int = 2025) -> Path:
    """Write a ZCTA Gazetteer file with the columns of a year."""
    columns = ["GEOID", "ALAND", "AWATER", "ALAND_SQMI", "AWATER_SQMI", "INTPTLAT", "INTPTLONG"]
    mark = "\t"
    if year >= 2025:
        columns.insert(1, "GEOIDFQ")
        mark = "|"
    lines = [mark.join(columns) + ("" if year >= 2025 else " " * 60)]
    for one in zips:
        values = {"GEOID": one.code, "INTPTLAT": one.latitude, "INTPTLONG": one.longitude}
        lines.append(mark.join(str(values.get(name, 1)) for name in columns))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_geonames(path: Path, zips: Sequence[Zip]) -> Path:
    """Write a postal code file of GeoNames, zipped with its readme when its name ends in .zip."""
    text = "".join(
        f"US\t{one.code}\t{one.city}\tState\t{one.state}\tCounty\t033\t\t\t"
        f"{one.latitude}\t{one.longitude}\t4\n"
        for one in zips
    )
    if path.suffix != ".zip":
        path.write_text(text, encoding="utf-8")
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "about these files")
        archive.writestr("US.txt", text)
    return path
