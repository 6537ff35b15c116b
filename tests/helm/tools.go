//go:build tools

// Package helm pins the Helm that renders the chart in tests: `build` makes this program.
package helm

import _ "helm.sh/helm/v4/cmd/helm"
