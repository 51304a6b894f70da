package areas

import (
	"crypto/sha256"
	"embed"
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

//go:embed data/*.csv
var embedded embed.FS

// tables are the files as they stand; newDirectory checks that they fit together.
type tables struct {
	units           []Area
	formerCommunes  []succession
	formerProvinces []succession
	sum             [sha256.Size]byte
}

type succession struct{ former, today string }

func readTables(files fs.FS) (tables, error) {
	var t tables
	sum := sha256.New()
	err := readCSV(files, sum, "data/units.csv", []string{"code", "name_vi", "name_en", "level", "parent_code"}, func(row []string) {
		t.units = append(t.units, Area{Code: row[0], Name: row[1], NameEN: row[2], Level: row[3], Parent: row[4]})
	})
	if err != nil {
		return t, err
	}
	former := []string{"former", "today"}
	err = readCSV(files, sum, "data/former_communes.csv", former, func(row []string) {
		t.formerCommunes = append(t.formerCommunes, succession{row[0], row[1]})
	})
	if err != nil {
		return t, err
	}
	err = readCSV(files, sum, "data/former_provinces.csv", former, func(row []string) {
		t.formerProvinces = append(t.formerProvinces, succession{row[0], row[1]})
	})
	sum.Sum(t.sum[:0])
	return t, err
}

// readCSV calls each for every row below the header, which must be the expected one, and adds the file to the sum.
func readCSV(files fs.FS, sum io.Writer, name string, header []string, each func(row []string)) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("areas: %w", err)
	}
	sum.Write(text) // a hash never fails
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		return fmt.Errorf("areas: %s: %w", name, err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], header) {
		return fmt.Errorf("areas: %s: the header is not %v", name, header)
	}
	for _, row := range rows[1:] {
		each(row)
	}
	return nil
}
