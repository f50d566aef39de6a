// renderer CHART NAMESPACE/RELEASE < values.json: what `helm template` would make of a chart without sub-charts,
// as a JSON object from template to text. It stands on the engine that Helm stands on, text/template and Sprig,
// and adds Helm's own functions as its pkg/engine has them. Values come merged and checked against the schema.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/ghodss/yaml"
)

type object = map[string]interface{}

// The Kubernetes that is asked for, and the kinds of operators that it has.
const kubeVersion = "v1.34.0"

var apiVersions = versions{"monitoring.coreos.com/v1", "external-secrets.io/v1", "autoscaling/v2"}

type versions []string

func (v versions) Has(wanted string) bool {
	for _, one := range v {
		if one == wanted {
			return true
		}
	}
	return false
}

// files are the chart's own, but for templates: .Files.
type files map[string][]byte

func (f files) GetBytes(name string) []byte { return f[name] }

func (f files) Get(name string) string { return string(f[name]) }

func (f files) Lines(name string) []string {
	return strings.Split(strings.TrimSuffix(f.Get(name), "\n"), "\n")
}

func (f files) Glob(pattern string) files {
	found := files{}
	for name, content := range f {
		if matches, _ := path.Match(pattern, name); matches {
			found[name] = content
		}
	}
	return found
}

func (f files) AsConfig() string {
	texts := map[string]string{}
	for name, content := range f {
		texts[path.Base(name)] = string(content)
	}
	return toYaml(texts)
}

func toYaml(value interface{}) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func fromYaml(text string) object {
	value := object{}
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		value["Error"] = err.Error()
	}
	return value
}

func toJSON(value interface{}) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

func required(message string, value interface{}) (interface{}, error) {
	if text, isText := value.(string); value == nil || isText && text == "" {
		return nil, errors.New(message)
	}
	return value, nil
}

// functions are Sprig's without those that Helm takes away, and Helm's own.
func functions(all *template.Template) template.FuncMap {
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	functions["toYaml"] = toYaml
	functions["fromYaml"] = fromYaml
	functions["toJson"] = toJSON
	functions["required"] = required
	functions["lookup"] = func(string, string, string, string) object { return object{} }
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	functions["tpl"] = func(text string, data interface{}) (string, error) {
		inner, err := template.Must(all.Clone()).New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		return execute(inner, data)
	}
	return functions
}

func execute(one *template.Template, data interface{}) (string, error) {
	var out bytes.Buffer
	err := one.Execute(&out, data)
	return strings.ReplaceAll(out.String(), "<no value>", ""), err
}

func read(chart string) (files, files, error) {
	templates, others := files{}, files{}
	err := filepath.Walk(chart, func(place string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		content, err := os.ReadFile(place)
		name, _ := filepath.Rel(chart, place)
		if strings.HasPrefix(name, "templates/") {
			templates[name] = content
		} else {
			others[name] = content
		}
		return err
	})
	return templates, others, err
}

func titled(chart object) object { // .Chart.AppVersion of appVersion
	out := object{}
	for name, value := range chart {
		out[strings.ToUpper(name[:1])+name[1:]] = value
	}
	return out
}

func context(others files, release string, values object) object {
	namespace, name := path.Split(release)
	return object{
		"Values":  values,
		"Chart":   titled(fromYaml(others.Get("Chart.yaml"))),
		"Files":   others,
		"Release": object{"Name": name, "Namespace": path.Clean(namespace), "Service": "Helm", "Revision": 1, "IsInstall": true, "IsUpgrade": false},
		"Capabilities": object{
			"KubeVersion": object{"Version": kubeVersion, "GitVersion": kubeVersion, "Major": "1", "Minor": "34"},
			"APIVersions": apiVersions,
		},
	}
}

func names(templates files) []string { // of several errors, always the same one comes first
	var sorted []string
	for name := range templates {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	return sorted
}

func render(chart, release string, values object) (map[string]string, error) {
	templates, others, err := read(chart)
	if err != nil {
		return nil, err
	}
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	for _, name := range names(templates) {
		if _, err := all.New(name).Parse(templates.Get(name)); err != nil {
			return nil, err
		}
	}
	rendered := map[string]string{}
	for _, name := range names(templates) {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		data := context(others, release, values)
		data["Template"] = object{"Name": name, "BasePath": "templates"}
		if rendered[name], err = execute(all.Lookup(name), data); err != nil {
			return nil, err
		}
	}
	return rendered, nil
}

func main() {
	values := object{}
	if err := json.NewDecoder(os.Stdin).Decode(&values); err != nil {
		fail(err)
	}
	rendered, err := render(os.Args[1], os.Args[2], values)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(rendered); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
