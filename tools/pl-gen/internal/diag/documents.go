package diag

import (
	"encoding/xml"
	"io"
	"slices"
)

type junitSuites struct {
	XMLName xml.Name   `xml:"testsuites"`
	Suite   junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// renderJUnit writes a case for each finding, and one that passes when there
// are none, because readers take an empty suite for a suite that did not run.
func renderJUnit(w io.Writer, list []Diagnostic) error {
	suite := junitSuite{Name: "pl-gen", Tests: max(1, len(list)), Failures: len(list)}
	for _, d := range list {
		suite.Cases = append(suite.Cases, junitCase{
			Class: string(d.Rule), Name: d.Place(), File: d.place().File, Line: d.place().Line,
			Failure: &junitFailure{Type: d.Severity.String(), Message: d.Message, Text: d.prose()},
		})
	}
	if len(list) == 0 {
		suite.Cases = []junitCase{{Class: "pl-gen", Name: "contracts"}}
	}
	return writeXML(w, junitSuites{Suite: suite})
}

func writeXML(w io.Writer, v any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    Rule      `json:"id"`
	Short sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    Rule            `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	Line   int `json:"startLine"`
	Column int `json:"startColumn"`
}

func renderSARIF(w io.Writer, list []Diagnostic) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "pl-gen", Rules: []sarifRule{}}}, Results: []sarifResult{}}
	for _, info := range catalogue {
		if slices.ContainsFunc(list, func(d Diagnostic) bool { return d.Rule == info.Rule }) {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{info.Rule, sarifText{info.Title}})
		}
	}
	for _, d := range list {
		run.Results = append(run.Results, d.sarif())
	}
	return writeJSON(w, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func (d Diagnostic) sarif() sarifResult {
	pos := d.place()
	at := sarifPhysical{sarifArtifact{pos.File}, sarifRegion{pos.Line, pos.Col}}
	return sarifResult{
		RuleID: d.Rule, Level: d.Severity.String(), Message: sarifText{d.prose()}, Locations: []sarifLocation{{at}},
	}
}
