"""Makes plans.xls and hidden.xls, workbooks of the kind before 2007, with the package xlwt 1.3.

Numbers of persons are those that authorities print as examples. Run beside the two files.
"""

from datetime import date

HEAD = ["Personnummer", "Från", "Planering"]
PLAN = ["19811218-9876", "01/03/2019", "Jobbsök"]


def write(name, rows, hidden=None):
    import xlwt  # not among the project's packages

    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Planering")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for number, row in enumerate([["Utdrag"], [], HEAD, *rows]):
        for place, value in enumerate(row):
            sheet.write(number, place, value, *([day] if isinstance(value, date) else []))
    sheet.row(4).hidden = True
    book.add_sheet("Dolt").write(0, 0, hidden or "inget")
    book.get_sheet(1).visibility = 1
    book.save(name)


if __name__ == "__main__":
    write(
        "plans.xls",
        [PLAN, ["670919-9530", date(2019, 5, 10), "Sjukskriven"], [191212121212, *PLAN[1:]]],
    )
    write("hidden.xls", [PLAN], hidden="19121212-1212")
